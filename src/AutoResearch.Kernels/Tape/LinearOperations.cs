namespace AutoResearch.Kernels;

internal sealed class LinearOperation : Operation
{
    private Tensor _x = null!, _weight = null!, _y = null!;
    private Tensor? _residual;

    protected internal override bool HasGradient => _y.Grad is not null;

    internal void Set(Tensor x, Tensor weight, Tensor? residual, Tensor y) =>
        (_x, _weight, _residual, _y) = (x, weight, residual, y);

    protected internal override void Backward(Tape tape)
    {
        var dy = _y.Grad!;
        if (_weight.RequiresGrad) tape.Backend.LinearBackwardWeight(dy, _x, _weight.Grad!);
        if (_x.RequiresGrad)
        {
            var dx = tape.GradientOf(_x, out var accumulate);
            tape.Backend.LinearBackwardInput(dy, _weight, dx, accumulate);
        }

        if (_residual is { RequiresGrad: true }) tape.PassGradient(_y, _residual);
        else tape.Release(_y);
    }
}

internal sealed class MlpOperation : Operation
{
    private Tensor _x = null!, _wIn = null!, _wOut = null!, _hidden = null!, _y = null!;
    private Tensor? _residual;

    protected internal override bool HasGradient => _y.Grad is not null;

    internal void Set(Tensor x, Tensor wIn, Tensor wOut, Tensor? residual, Tensor hidden, Tensor y) =>
        (_x, _wIn, _wOut, _residual, _hidden, _y) = (x, wIn, wOut, residual, hidden, y);

    protected internal override void Backward(Tape tape)
    {
        var dy = _y.Grad!;
        if (_wOut.RequiresGrad) tape.Backend.LinearBackwardWeight(dy, _hidden, _wOut.Grad!);
        if (_wIn.RequiresGrad || _x.RequiresGrad)
        {
            var dPre = tape.Allocate(_hidden.Shape, _hidden.Type);
            tape.Backend.LinearBackwardInput(dy, _wOut, dPre, accumulate: false, activated: _hidden);
            if (_wIn.RequiresGrad) tape.Backend.LinearBackwardWeight(dPre, _x, _wIn.Grad!);
            if (_x.RequiresGrad)
            {
                var dx = tape.GradientOf(_x, out var accumulate);
                tape.Backend.LinearBackwardInput(dPre, _wIn, dx, accumulate);
            }

            tape.Recycle(dPre);
        }

        if (_residual is { RequiresGrad: true }) tape.PassGradient(_y, _residual);
        else tape.Release(_y);
    }
}

internal sealed class CrossEntropyOperation : Operation
{
    private Tensor _x = null!, _dx = null!, _loss = null!;

    protected internal override bool HasGradient => _loss.Grad is not null;

    internal void Set(Tensor x, Tensor dx, Tensor loss) => (_x, _dx, _loss) = (x, dx, loss);

    protected internal override void Backward(Tape tape)
    {
        tape.Release(_loss);
        if (!_x.RequiresGrad) tape.Recycle(_dx);
        else if (_x.Grad is null) _x.Grad = _dx;
        else
        {
            tape.Backend.Add(_dx, _x.Grad);
            tape.Recycle(_dx);
        }
    }
}
