namespace AutoResearch.Kernels;

/// <summary>How the trial of a kernel ended. Only <see cref="Completed"/> carries times.</summary>
public enum KernelOutcome
{
    /// <summary>Compiled, correct, timed.</summary>
    Completed,

    /// <summary>The compiler found errors.</summary>
    CompileError,

    /// <summary>It could not be launched: too many threads, registers or shared memory, or a wrong grid.</summary>
    LaunchFailed,

    /// <summary>
    /// It computes something else than the reference, leaves elements unwritten, or writes outside of its buffers.
    /// </summary>
    WrongResult,

    /// <summary>There was not enough memory.</summary>
    OutOfMemory,

    /// <summary>
    /// It crashed on the GPU, which cannot be used any more in this process; or it was not tried because another one did.
    /// </summary>
    DeviceLost,
}
