namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    /// <summary>Target value that takes no part in the loss.</summary>
    public const int IgnoreIndex = -1;

    /// <summary>
    /// Output layer and loss in one: <c>logits = cap · tanh(x · weightᵀ / cap)</c>, cross-entropy in nats against the targets,
    /// and, when asked for, the gradients in the same pass. Works through chunks of rows, so that the logits
    /// are never stored whole.
    /// </summary>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="weight"><c>[vocabulary, channels]</c>.</param>
    /// <param name="targets">One class per row, or <see cref="IgnoreIndex"/>.</param>
    /// <param name="softcap">Bound of the logits; 0 for none.</param>
    /// <param name="losses">One value per row, 0 where ignored; overwritten.</param>
    /// <param name="loss">One value: the mean over the rows that count, 0 when none does; overwritten.</param>
    /// <param name="gradientScale">Factor of the gradients (not of the loss), as 1 / micro-steps.</param>
    /// <param name="dx">Gradient of <paramref name="x"/>, overwritten; null for no gradients.</param>
    /// <param name="dWeight">Gradient of <paramref name="weight"/>, accumulated; null when not wanted.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a target lies outside the vocabulary
    /// (<see cref="Synchronize"/> says when an accelerator reports that).</exception>
    public void LinearCrossEntropy(
        Tensor x, Tensor weight, Tensor targets, float softcap, Tensor losses, Tensor loss,
        float gradientScale, Tensor? dx, Tensor? dWeight)
    {
        var (rows, columns) = (x.Shape.Rows, x.Shape.Columns);
        Active(x, nameof(x), rows, columns);
        Float(weight, nameof(weight), weight.Shape.Rows, columns);
        Int(targets, nameof(targets), rows);
        PerRow(losses, nameof(losses), rows);
        PerRow(loss, nameof(loss), 1);
        if (!(softcap >= 0) || !float.IsFinite(softcap))
            throw new ArgumentOutOfRangeException(nameof(softcap), softcap,
                "The bound of the logits must be 0 (none) or positive.");
        if (!float.IsFinite(gradientScale))
            throw new ArgumentOutOfRangeException(nameof(gradientScale), gradientScale, "The factor must be finite.");
        if (dx is not null) Active(dx, nameof(dx), rows, columns);
        if (dWeight is not null) Float(dWeight, nameof(dWeight), weight.Shape.Rows, columns);
        LinearCrossEntropyCore(x, weight, targets, softcap, losses, loss, gradientScale, dx, dWeight);
    }

    /// <summary>Implements <see cref="LinearCrossEntropy"/>.</summary>
    /// <param name="x">Input.</param>
    /// <param name="weight">Weight.</param>
    /// <param name="targets">Classes.</param>
    /// <param name="softcap">Bound, or 0.</param>
    /// <param name="losses">Output per row.</param>
    /// <param name="loss">Mean.</param>
    /// <param name="gradientScale">Factor of the gradients.</param>
    /// <param name="dx">Gradient of the input, or null.</param>
    /// <param name="dWeight">Gradient of the weight, accumulated, or null.</param>
    protected abstract void LinearCrossEntropyCore(
        Tensor x, Tensor weight, Tensor targets, float softcap, Tensor losses, Tensor loss,
        float gradientScale, Tensor? dx, Tensor? dWeight);
}
