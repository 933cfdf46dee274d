namespace AutoResearch.Kernels;

/// <summary>How a <see cref="KernelBench"/> measures.</summary>
public sealed class KernelBenchOptions
{
    /// <summary>Untimed runs of each candidate before the first timed one.</summary>
    /// <value>Default: 5.</value>
    public int WarmUps { get; init; } = 5;

    /// <summary>Timed rounds: each times every candidate once, so that clocks and temperature are the same for all.</summary>
    /// <value>Default: 25.</value>
    public int Rounds { get; init; } = 25;

    /// <summary>Time that one sample should last at least: short kernels are launched several times in it.</summary>
    /// <value>Default: 0.5 ms.</value>
    public TimeSpan SampleTime { get; init; } = TimeSpan.FromMilliseconds(0.5);

    /// <summary>
    /// Empties the level-2 cache before every sample, which is one launch then: the time of a kernel whose data was last used
    /// long ago, as in a training step.
    /// </summary>
    /// <value>Default: false.</value>
    public bool ColdCache { get; init; }

    internal void Validate()
    {
        if (WarmUps < 0) throw new ArgumentException($"WarmUps ({WarmUps}) cannot be negative.");
        if (Rounds < 1) throw new ArgumentException($"Rounds ({Rounds}) must be at least 1.");
        if (SampleTime < TimeSpan.Zero) throw new ArgumentException($"SampleTime ({SampleTime}) cannot be negative.");
    }
}
