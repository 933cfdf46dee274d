namespace AutoResearch;

/// <summary>Ends a run as <see cref="RunOutcome.Diverged"/> as soon as a loss, or the objective, is NaN or infinite.</summary>
public sealed class NonFiniteMonitor : IRunMonitor
{
    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return m => double.IsFinite(m.Value)
            || !(m.Metric == run.Objective.Metric || m.Metric.Contains("loss", StringComparison.OrdinalIgnoreCase))
            ? null
            : new(MonitorSignalKind.Diverged, FormattableString.Invariant($"{m.Metric} is {m.Value} at step {m.Step}"));
    }
}
