namespace AutoResearch.Kernels;

/// <summary>
/// One recorded operation. The object is reused when the next step records the same kind of operation at the same place, so an
/// implementation sets all its fields each time.
/// </summary>
public abstract class Operation
{
    /// <summary>
    /// Carries the gradient from the outputs to the inputs. Called only when <see cref="HasGradient"/> is true, and
    /// releases the gradients of the outputs when it is done (<see cref="Tape.Release"/>).
    /// </summary>
    /// <param name="tape">Where gradients of the inputs come from: <see cref="Tape.GradientOf"/>,
    /// <see cref="Tape.PassGradient"/>.</param>
    protected internal abstract void Backward(Tape tape);

    /// <summary>True when a gradient has reached an output, so that there is something to carry back.</summary>
    protected internal abstract bool HasGradient { get; }
}
