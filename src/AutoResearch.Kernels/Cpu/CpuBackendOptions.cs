namespace AutoResearch.Kernels;

/// <summary>Settings of <see cref="CpuBackend"/>.</summary>
public sealed class CpuBackendOptions
{
    /// <summary>Threads that compute, the caller's included. Results do not depend on it.</summary>
    /// <value>The default is the number of processors available to the process.</value>
    public int Threads { get; set; } = Environment.ProcessorCount;

    /// <summary>Tile and block sizes.</summary>
    /// <value>
    /// The default is null: those that were tuned for this machine (<see cref="CpuTuningFile"/>), or else
    /// <see cref="CpuTuning.Default"/>.
    /// </value>
    public CpuTuning? Tuning { get; set; }
}
