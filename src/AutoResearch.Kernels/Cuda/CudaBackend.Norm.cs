namespace AutoResearch.Kernels;

public sealed partial class CudaBackend
{
    // Blocks whose sums are added up in order: few enough for one block to do so, and not a function of the GPU.
    private const int SumBlocks = 2048;

    /// <inheritdoc/>
    protected override void RmsNormCore(Tensor x, Tensor y, Tensor inverseRms)
    {
        var (rows, columns) = Rows(x);
        Launch(_kernels.RmsNorm.For(columns), RowKernels.Grid(rows), x.Address, Out(y), Out(inverseRms), rows, columns);
    }

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(Tensor dy, Tensor y, Tensor inverseRms, Tensor dx, bool accumulate)
    {
        var (rows, columns) = Rows(y);
        Launch(_kernels.RmsNormBackward.For(columns), RowKernels.Grid(rows),
            dy.Address, y.Address, inverseRms.Address, Out(dx), rows, columns, accumulate ? 1 : 0);
    }

    /// <inheritdoc/>
    protected override void MixNormCore(
        Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer, Tensor mixed, Tensor normed, Tensor inverseRms)
    {
        var (rows, columns) = Rows(x);
        Launch(_kernels.MixNorm.For(columns), RowKernels.Grid(rows), x.Address, x0.Address, Element(residualScales, layer),
            Element(inputScales, layer), Out(mixed), Out(normed), Out(inverseRms), rows, columns);
    }

    /// <inheritdoc/>
    protected override void MixNormBackwardCore(
        Tensor? dMixed, Tensor dNormed, Tensor normed, Tensor inverseRms, Tensor x, Tensor x0,
        Tensor residualScales, Tensor inputScales, int layer, Tensor dx, bool accumulateX, Tensor dx0, bool accumulateX0)
    {
        var (rows, columns) = Rows(x);
        var launch = RowKernels.Grid(rows, SumBlocks);
        var partials = _partials.Take(Device, launch.Grid.X * 2L * sizeof(float));
        Launch(_kernels.MixNormBackward.For(columns), launch,
            dMixed?.Address ?? 0, dNormed.Address, normed.Address, inverseRms.Address, x.Address, x0.Address,
            Element(residualScales, layer), Element(inputScales, layer), Out(dx), accumulateX ? 1 : 0, Out(dx0),
            accumulateX0 ? 1 : 0, partials, rows, columns);
        if (residualScales.Grad is null && inputScales.Grad is null) return;
        Launch(_kernels.Norm["mix_norm_scales"], new(1, 256), partials, launch.Grid.X,
            residualScales.Grad is { } dResidual ? Element(dResidual, layer) : 0,
            inputScales.Grad is { } dInput ? Element(dInput, layer) : 0);
    }

    private static nint Element(Tensor vector, int index) => vector.Address + (index * sizeof(float));

    // Rows and columns of an activation. Kernels read rows in vectors of 16 bytes.
    private static (long Rows, int Columns) Rows(Tensor tensor)
    {
        var columns = tensor.Shape.Columns;
        if (columns % 8 != 0)
            throw new NotSupportedException($"On the GPU rows have a multiple of 8 elements, but the shape is {tensor.Shape}. "
                + $"Make it {(columns + 7) / 8 * 8} wide.");
        return (tensor.Shape.Rows, columns);
    }
}
