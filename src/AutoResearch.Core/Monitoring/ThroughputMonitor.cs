using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Sees a run that has become much slower than it was. The machine is suspected: the run is ended as
/// <see cref="RunOutcome.Contended"/> and made again, and only counts against the idea when that happens every time. A run whose
/// budget counts steps, tokens or FLOPs and no time scores the same at any speed and is not watched.
/// </summary>
public sealed class ThroughputMonitor : IRunMonitor
{
    private const int Skip = 2; // compilation and first touches
    private const int Window = 8;
    private readonly double _share;
    private readonly string? _metric;

    /// <summary>Creates the monitor.</summary>
    /// <param name="share">Below which share of its usual speed a run counts as slow, 0…1. Default 0.5.</param>
    /// <param name="metric">A metric that is a speed, e.g. <c>tokens_per_second</c>; null (the default) for
    /// steps per time.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="share"/> does not lie between 0 and 1.</exception>
    public ThroughputMonitor(double share = 0.5, string? metric = null)
    {
        if (share is not (> 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "The share must lie between 0 and 1, e.g. 0.5.");
        (_share, _metric) = (share, metric);
    }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var budget = run.Experiment.Budget;
        if (budget is { Training: null, Wall: null } and not { Steps: null, Tokens: null, Flops: null }) return null;
        var (seen, usual, recent) = (0, new List<double>(), new Queue<double>());
        (long Step, TimeSpan Elapsed)? before = null;
        return m =>
        {
            if (Speed(m, ref before) is not { } speed || seen++ < Skip) return null;
            if (usual.Count < 2 * Window)
            {
                usual.Add(speed);
                return null;
            }
            recent.Enqueue(speed);
            if (recent.Count <= Window) return null;
            recent.Dequeue();
            var (was, now) = (RobustStatistics.Median([.. usual]), RobustStatistics.Median([.. recent]));
            return now >= _share * was
                ? null
                : new(MonitorSignalKind.Machine, string.Create(CultureInfo.InvariantCulture, $"the speed has fallen to "
                    + $"{now / was:P0} of what it was in this run ({now:G3} of {was:G3} {_metric ?? "steps per second"})"));
        };
    }

    private double? Speed(Measurement m, ref (long Step, TimeSpan Elapsed)? before)
    {
        if (_metric is not null) return m.Metric == _metric && m.Value > 0 ? m.Value : null;
        if (m.Step <= 0 || m.Step == before?.Step) return null;
        var last = before;
        before = (m.Step, m.Elapsed);
        return last is { } l && m.Elapsed > l.Elapsed && m.Step > l.Step
            ? (m.Step - l.Step) / (m.Elapsed - l.Elapsed).TotalSeconds
            : null;
    }
}
