namespace AutoResearch;

/// <summary>Ends a run as <see cref="RunOutcome.Diverged"/> when its smoothed loss is far above where it began.</summary>
public sealed class DivergenceMonitor : IRunMonitor
{
    private const int Start = 3;
    private const double Smoothing = 0.7;
    private readonly double _factor;

    /// <summary>Creates the monitor.</summary>
    /// <param name="factor">How many times the first losses' size above them counts as diverged. Default 0.5: half
    /// as much again.</param>
    /// <param name="metric">The metric to look at.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="factor"/> is not positive.</exception>
    public DivergenceMonitor(double factor = 0.5, string metric = MonitoredRun.DefaultMetric)
    {
        if (!(factor > 0))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, "The factor must be positive, e.g. 0.5.");
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        (_factor, Metric) = (factor, metric);
    }

    /// <summary>The metric to look at.</summary>
    public string Metric { get; }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var (seen, first, smooth) = (0, 0.0, 0.0);
        return m =>
        {
            if (m.Metric != Metric || !double.IsFinite(m.Value)) return null;
            var loss = run.ToLoss(m.Metric, m.Value);
            if (seen++ < Start)
            {
                first += loss / Start;
                smooth = first;
                return null;
            }
            smooth = (Smoothing * smooth) + ((1 - Smoothing) * loss);
            var limit = first + (_factor * Math.Max(Math.Abs(first), 1e-12));
            return smooth <= limit ? null : new(MonitorSignalKind.Diverged, FormattableString.Invariant(
                $"{Metric} has risen to {m.Value:G4} at step {m.Step}; it began at {run.ToLoss(m.Metric, first):G4}"));
        };
    }
}
