namespace AutoResearch.Kernels;

/// <summary>What a kernel is to compute: buffers, how it is launched, and a reference that says what is right.</summary>
public sealed class KernelTask
{
    /// <summary>Name, for reports.</summary>
    public required string Name { get; init; }

    /// <summary>The arrays.</summary>
    public required IReadOnlyList<KernelTaskBuffer> Buffers { get; init; }

    /// <summary>
    /// Launches a candidate. Called for every run; grid and block may depend on the candidate's definitions. It must
    /// not wait for the GPU.
    /// </summary>
    public required Action<KernelInvocation> Launch { get; init; }

    /// <summary>
    /// Computes the right result on the host. It gets the content of all buffers, in order, as the kernel finds them, and
    /// writes to those that are outputs. Called once.
    /// </summary>
    public required Action<IReadOnlyList<float[]>> Reference { get; init; }

    /// <summary>Largest difference from the reference that is right for an expected value of 0.</summary>
    /// <value>Default: 1e-5.</value>
    public double AbsoluteTolerance { get; init; } = 1e-5;

    /// <summary>What the size of the expected value adds to it: 1/256 is one step of bfloat16.</summary>
    /// <value>Default: 1e-5.</value>
    public double RelativeTolerance { get; init; } = 1e-5;

    /// <summary>Floating-point operations of one launch; 0 when of no interest.</summary>
    /// <value>Default: 0.</value>
    public double Flops { get; init; }

    /// <summary>Bytes that one launch must read and write at least; 0 when of no interest.</summary>
    /// <value>Default: 0.</value>
    public double Bytes { get; init; }
}
