namespace AutoResearch.Kernels;

/// <summary>How a <see cref="CudaDevice"/> is opened.</summary>
public sealed class CudaOptions
{
    /// <summary>Where the native libraries come from.</summary>
    /// <value>Default: <see cref="CudaLibraries.Machine"/>.</value>
    public CudaLibraries Libraries { get; init; } = CudaLibraries.Machine;

    /// <summary>
    /// Waits for every kernel right after its launch, so that a fault names the kernel that made it. Slow; not possible while
    /// a graph is captured, where it is left out.
    /// </summary>
    /// <value>Default: true when the environment variable AUTORESEARCH_CUDA_SYNC is 1.</value>
    public bool SynchronizeLaunches { get; init; } = Environment.GetEnvironmentVariable("AUTORESEARCH_CUDA_SYNC") == "1";
}
