namespace AutoResearch.Kernels;

/// <summary>
/// Runs a step, that is one sequence of operations on the same tensors with new data, again and again. This class simply calls
/// it; an accelerator records what the step issues and replays the record as a whole.
/// </summary>
/// <remarks>
/// The step is called every time and must do the same operations on the same memory, as a <see cref="Tape"/> that is reset at its
/// start does; values from the host (<see cref="Tape.Input(ReadOnlySpan{int}, Shape)"/>) and settings of optimizers may differ
/// from call to call. A step that turns out different is recorded anew. It must not read values back: read them
/// after <see cref="Run"/>.
/// </remarks>
public class StepGraph : IDisposable
{
    /// <summary>How often a recording was replayed instead of issuing the operations one by one.</summary>
    public long Replays { get; protected set; }

    /// <summary>Runs the step. On an asynchronous backend it may still be going on when this returns.</summary>
    /// <param name="step">Issues the operations. When it throws, an accelerator's recording is dropped and the
    /// exception passed on.</param>
    public virtual void Run(Action step)
    {
        ArgumentNullException.ThrowIfNull(step);
        step();
    }

    /// <summary>Releases the recording.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the implementation holds.</summary>
    /// <param name="disposing">True when called from <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing) { }
}
