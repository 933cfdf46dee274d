namespace AutoResearch.Kernels;

internal sealed class ConvertOperation : Operation
{
    private Tensor _x = null!, _y = null!;

    protected internal override bool HasGradient => _y.Grad is not null;

    internal void Set(Tensor x, Tensor y) => (_x, _y) = (x, y);

    protected internal override void Backward(Tape tape)
    {
        var dx = tape.GradientOf(_x, out var accumulate);
        if (!accumulate) dx.Fill(0);
        tape.Backend.Add(_y.Grad!, dx);
        tape.Release(_y);
    }
}

internal sealed class EmbeddingOperation : Operation
{
    private Tensor _table = null!, _tokens = null!, _y = null!;
    private Tensor? _inverseRms;

    protected internal override bool HasGradient => _y.Grad is not null;

    internal void Set(Tensor table, Tensor tokens, Tensor y, Tensor? inverseRms) =>
        (_table, _tokens, _y, _inverseRms) = (table, tokens, y, inverseRms);

    protected internal override void Backward(Tape tape)
    {
        tape.Backend.EmbeddingBackward(_y.Grad!, _y, _inverseRms, _tokens, _table.Grad!);
        tape.Release(_y);
    }
}

internal sealed class RmsNormOperation : Operation
{
    private Tensor _x = null!, _y = null!, _inverseRms = null!;

    protected internal override bool HasGradient => _y.Grad is not null;

    internal void Set(Tensor x, Tensor y, Tensor inverseRms) => (_x, _y, _inverseRms) = (x, y, inverseRms);

    protected internal override void Backward(Tape tape)
    {
        var dx = tape.GradientOf(_x, out var accumulate);
        tape.Backend.RmsNormBackward(_y.Grad!, _y, _inverseRms, dx, accumulate);
        tape.Release(_y);
    }
}

internal sealed class MixNormOperation : Operation
{
    private Tensor _x = null!, _x0 = null!, _residualScales = null!, _inputScales = null!;
    private Tensor _mixed = null!, _normed = null!, _inverseRms = null!;
    private int _layer;

    protected internal override bool HasGradient => _mixed.Grad is not null || _normed.Grad is not null;

    internal void Set(
        Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer, Tensor mixed, Tensor normed, Tensor inverseRms)
    {
        (_x, _x0, _residualScales, _inputScales) = (x, x0, residualScales, inputScales);
        (_layer, _mixed, _normed, _inverseRms) = (layer, mixed, normed, inverseRms);
    }

    protected internal override void Backward(Tape tape)
    {
        if (_normed.Grad is null) tape.GradientOf(_normed, out _).Fill(0);
        var dMixed = _mixed.Grad;

        // The kernel reads dMixed before it writes dx at the same place, so the memory can change hands.
        var accumulateX = true;
        if (dMixed is not null && _x.Grad is null) (_x.Grad, _mixed.Grad, accumulateX) = (dMixed, null, false);
        var dx = accumulateX ? tape.GradientOf(_x, out accumulateX) : _x.Grad!;
        var dx0 = tape.GradientOf(_x0, out var accumulateX0);
        tape.Backend.MixNormBackward(
            dMixed, _normed.Grad!, _normed, _inverseRms, _x, _x0, _residualScales, _inputScales, _layer,
            dx, accumulateX, dx0, accumulateX0);
        tape.Release(_mixed);
        tape.Release(_normed);
    }
}
