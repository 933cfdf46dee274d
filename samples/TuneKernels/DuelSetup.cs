using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>How settings are timed.</summary>
internal sealed record DuelSetup
{
    /// <summary>Threads of the kernels.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>What is timed, on a backend that has the settings.</summary>
    public Func<CpuBackend, Workload[]> Workloads { get; init; } = Workload.All;

    /// <summary>Measures the time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
