namespace AutoResearch.Kernels;

internal sealed class QkvProjectionOperation : Operation
{
    private Tensor _x = null!, _weight = null!, _qkv = null!;
    private Tensor? _table, _gateWeight, _tokens, _gate;
    private AttentionLayout _layout;

    protected internal override bool HasGradient => _qkv.Grad is not null;

    internal void Set(
        Tensor x, Tensor weight, in AttentionLayout layout, Tensor? table, Tensor? gateWeight, Tensor? tokens, Tensor? gate,
        Tensor qkv)
    {
        (_x, _weight, _layout, _qkv) = (x, weight, layout, qkv);
        (_table, _gateWeight, _tokens, _gate) = (table, gateWeight, tokens, gate);
    }

    protected internal override void Backward(Tape tape)
    {
        var dqkv = _qkv.Grad!;
        if (_weight.RequiresGrad) tape.Backend.LinearBackwardWeight(dqkv, _x, _weight.Grad!);
        Tensor? dx = null;
        if (_x.RequiresGrad)
        {
            dx = tape.GradientOf(_x, out var accumulate);
            tape.Backend.LinearBackwardInput(dqkv, _weight, dx, accumulate);
        }

        // After the projection: it writes all of dx, the gate adds to a few columns.
        if (_table is not null)
            tape.Backend.ValueEmbeddingBackward(dqkv, _x, _table, _gateWeight!, _tokens!, _gate!, dx, _layout);
        tape.Release(_qkv);
    }
}

internal sealed class RotaryNormOperation : Operation
{
    private Tensor _qkv = null!, _rotary = null!, _inverseRms = null!;
    private AttentionLayout _layout;

    protected internal override bool HasGradient => _qkv.Grad is not null;

    internal void Set(Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout) =>
        (_qkv, _rotary, _inverseRms, _layout) = (qkv, rotary, inverseRms, layout);

    // In place: the gradient stays where it is for the operation that made the buffer.
    protected internal override void Backward(Tape tape) =>
        tape.Backend.RotaryNormBackward(_qkv.Grad!, _qkv, _rotary, _inverseRms, _layout);
}

internal sealed class AttentionOperation : Operation
{
    private Tensor _qkv = null!, _y = null!, _logSumExp = null!;
    private Tensor? _documentStarts;
    private AttentionLayout _layout;
    private int _window;

    protected internal override bool HasGradient => _y.Grad is not null;

    internal void Set(Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window, Tensor? documentStarts) =>
        (_qkv, _y, _logSumExp, _layout, _window, _documentStarts) = (qkv, y, logSumExp, layout, window, documentStarts);

    protected internal override void Backward(Tape tape)
    {
        var dqkv = tape.GradientOf(_qkv, out var accumulate);
        if (accumulate)
        {
            var part = tape.Allocate(_qkv.Shape, _qkv.Type);
            tape.Backend.AttentionBackward(_qkv, _y, _logSumExp, _y.Grad!, part, _layout, _window, _documentStarts);
            tape.Backend.Add(part, dqkv);
            tape.Recycle(part);
        }
        else
        {
            tape.Backend.AttentionBackward(_qkv, _y, _logSumExp, _y.Grad!, dqkv, _layout, _window, _documentStarts);
        }

        tape.Release(_y);
    }
}
