namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    /// <summary>
    /// Normalises each row by its root mean square, without weights: <c>y = x · inverseRms</c>,
    /// <c>inverseRms = 1 / sqrt(mean(x²) + ε)</c> with ε = <see cref="NormEpsilon"/> (Zhang and Sennrich 2019, arXiv:1910.07467).
    /// </summary>
    /// <param name="x">Input.</param>
    /// <param name="y">Output, same shape.</param>
    /// <param name="inverseRms">One value per row, overwritten.</param>
    public void RmsNorm(Tensor x, Tensor y, Tensor inverseRms)
    {
        Active(x, nameof(x), x.Shape.Rows, x.Shape.Columns);
        Active(y, nameof(y), x.Shape.Rows, x.Shape.Columns);
        PerRow(inverseRms, nameof(inverseRms), x.Shape.Rows);
        RmsNormCore(x, y, inverseRms);
    }

    /// <summary>Gradient of <see cref="RmsNorm"/>: <c>dx (+)= inverseRms · (dy − y · mean(dy · y))</c>.</summary>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="y">The output.</param>
    /// <param name="inverseRms">What the forward pass stored.</param>
    /// <param name="dx">Gradient of the input.</param>
    /// <param name="accumulate">Add to <paramref name="dx"/> instead of overwriting it.</param>
    public void RmsNormBackward(Tensor dy, Tensor y, Tensor inverseRms, Tensor dx, bool accumulate)
    {
        Active(y, nameof(y), y.Shape.Rows, y.Shape.Columns);
        Active(dy, nameof(dy), y.Shape.Rows, y.Shape.Columns);
        Active(dx, nameof(dx), y.Shape.Rows, y.Shape.Columns);
        PerRow(inverseRms, nameof(inverseRms), y.Shape.Rows);
        RmsNormBackwardCore(dy, y, inverseRms, dx, accumulate);
    }

    /// <summary>
    /// Mixes the residual stream with the embedding stream and normalises it in the same pass:
    /// <c>mixed = residualScales[layer] · x + inputScales[layer] · x0</c>, <c>normed = RmsNorm(mixed)</c>.
    /// </summary>
    /// <param name="x">Residual stream.</param>
    /// <param name="x0">Normalised embeddings, same shape; may be the same tensor as <paramref name="x"/>.</param>
    /// <param name="residualScales">One scalar per layer.</param>
    /// <param name="inputScales">One scalar per layer.</param>
    /// <param name="layer">Index into both vectors.</param>
    /// <param name="mixed">Output.</param>
    /// <param name="normed">Output.</param>
    /// <param name="inverseRms">One value per row, overwritten.</param>
    public void MixNorm(
        Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer, Tensor mixed, Tensor normed, Tensor inverseRms)
    {
        CheckMix(x, x0, residualScales, inputScales, layer);
        Active(mixed, nameof(mixed), x.Shape.Rows, x.Shape.Columns);
        Active(normed, nameof(normed), x.Shape.Rows, x.Shape.Columns);
        PerRow(inverseRms, nameof(inverseRms), x.Shape.Rows);
        MixNormCore(x, x0, residualScales, inputScales, layer, mixed, normed, inverseRms);
    }

    /// <summary>Gradient of <see cref="MixNorm"/>.</summary>
    /// <param name="dMixed">Gradient of the mixed stream, or null when only the normalised one was used.</param>
    /// <param name="dNormed">Gradient of the normalised stream.</param>
    /// <param name="normed">Output of the forward pass.</param>
    /// <param name="inverseRms">What the forward pass stored.</param>
    /// <param name="x">Residual stream of the forward pass.</param>
    /// <param name="x0">Embedding stream of the forward pass.</param>
    /// <param name="residualScales">One scalar per layer.</param>
    /// <param name="inputScales">One scalar per layer.</param>
    /// <param name="layer">Index into the scalars.</param>
    /// <param name="dx">Gradient of <paramref name="x"/>; may share memory with <paramref name="dMixed"/>.</param>
    /// <param name="accumulateX">Add to <paramref name="dx"/>. Must be false when it shares memory with
    /// <paramref name="dMixed"/>.</param>
    /// <param name="dx0">Gradient of <paramref name="x0"/>; may be the same tensor as <paramref name="dx"/>, then
    /// accumulated.</param>
    /// <param name="accumulateX0">Add to <paramref name="dx0"/>.</param>
    public void MixNormBackward(
        Tensor? dMixed, Tensor dNormed, Tensor normed, Tensor inverseRms, Tensor x, Tensor x0,
        Tensor residualScales, Tensor inputScales, int layer, Tensor dx, bool accumulateX, Tensor dx0, bool accumulateX0)
    {
        CheckMix(x, x0, residualScales, inputScales, layer);
        var (rows, columns) = (x.Shape.Rows, x.Shape.Columns);
        if (dMixed is not null) Active(dMixed, nameof(dMixed), rows, columns);
        Active(dNormed, nameof(dNormed), rows, columns);
        Active(normed, nameof(normed), rows, columns);
        PerRow(inverseRms, nameof(inverseRms), rows);
        Active(dx, nameof(dx), rows, columns);
        Active(dx0, nameof(dx0), rows, columns);
        MixNormBackwardCore(
            dMixed, dNormed, normed, inverseRms, x, x0, residualScales, inputScales, layer, dx, accumulateX, dx0, accumulateX0);
    }

    /// <summary>Implements <see cref="RmsNorm"/>.</summary>
    /// <param name="x">Input.</param>
    /// <param name="y">Output.</param>
    /// <param name="inverseRms">Output per row.</param>
    protected abstract void RmsNormCore(Tensor x, Tensor y, Tensor inverseRms);

    /// <summary>Implements <see cref="RmsNormBackward"/>.</summary>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="y">The output.</param>
    /// <param name="inverseRms">Stored per row.</param>
    /// <param name="dx">Gradient of the input.</param>
    /// <param name="accumulate">Add instead of overwriting.</param>
    protected abstract void RmsNormBackwardCore(Tensor dy, Tensor y, Tensor inverseRms, Tensor dx, bool accumulate);

    /// <summary>Implements <see cref="MixNorm"/>.</summary>
    /// <param name="x">Residual stream.</param>
    /// <param name="x0">Embedding stream.</param>
    /// <param name="residualScales">Scalars.</param>
    /// <param name="inputScales">Scalars.</param>
    /// <param name="layer">Index.</param>
    /// <param name="mixed">Output.</param>
    /// <param name="normed">Output.</param>
    /// <param name="inverseRms">Output per row.</param>
    protected abstract void MixNormCore(
        Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer, Tensor mixed, Tensor normed,
        Tensor inverseRms);

    /// <summary>
    /// Implements <see cref="MixNormBackward"/>; the gradients of the scalars are added to their <see cref="Tensor.Grad"/>.
    /// </summary>
    /// <param name="dMixed">Gradient of the mixed stream, or null.</param>
    /// <param name="dNormed">Gradient of the normalised stream.</param>
    /// <param name="normed">Output of the forward pass.</param>
    /// <param name="inverseRms">Stored per row.</param>
    /// <param name="x">Residual stream.</param>
    /// <param name="x0">Embedding stream.</param>
    /// <param name="residualScales">Scalars.</param>
    /// <param name="inputScales">Scalars.</param>
    /// <param name="layer">Index.</param>
    /// <param name="dx">Gradient of the residual stream.</param>
    /// <param name="accumulateX">Add to it.</param>
    /// <param name="dx0">Gradient of the embedding stream.</param>
    /// <param name="accumulateX0">Add to it.</param>
    protected abstract void MixNormBackwardCore(
        Tensor? dMixed, Tensor dNormed, Tensor normed, Tensor inverseRms, Tensor x, Tensor x0,
        Tensor residualScales, Tensor inputScales, int layer, Tensor dx, bool accumulateX, Tensor dx0, bool accumulateX0);

    private void CheckMix(Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer)
    {
        Active(x, nameof(x), x.Shape.Rows, x.Shape.Columns);
        Active(x0, nameof(x0), x.Shape.Rows, x.Shape.Columns);
        PerRow(residualScales, nameof(residualScales), residualScales.ElementCount);
        PerRow(inputScales, nameof(inputScales), residualScales.ElementCount);
        if ((uint)layer >= (uint)residualScales.ElementCount)
            throw new ArgumentOutOfRangeException(nameof(layer), layer,
                $"There are scalars for {residualScales.ElementCount} layers.");
    }
}
