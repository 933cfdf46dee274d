namespace AutoResearch;

/// <summary>Sets of monitors for common needs.</summary>
public static class RunMonitors
{
    /// <summary>
    /// What may watch any loop: NaN, divergence, memory that will not last, and a machine that has become slow. None of them
    /// judges the quality of an idea.
    /// </summary>
    public static IReadOnlyList<IRunMonitor> Health { get; } =
        [new NonFiniteMonitor(), new DivergenceMonitor(), new MemoryMonitor(), new ThroughputMonitor()];

    /// <summary>
    /// <see cref="Health"/>, and screening runs end early when the loss has jumped for good or the curve is clearly behind the
    /// incumbent's. What that saves and costs is measured in docs/monitoring.md.
    /// </summary>
    public static IReadOnlyList<IRunMonitor> Thrifty { get; } = [.. Health, new LossSpikeMonitor(), new IncumbentCurveMonitor()];
}
