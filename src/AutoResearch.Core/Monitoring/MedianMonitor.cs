namespace AutoResearch;

/// <summary>
/// The median stopping rule (Golovin et al. 2017, "Google Vizier", 3.2.2): stops a screening run whose best value so far is worse
/// than the median of the running averages, up to the same point, of the runs that were completed.
/// </summary>
public sealed class MedianMonitor : IRunMonitor
{
    private readonly double _from;
    private readonly int _runs;

    /// <summary>Creates the monitor.</summary>
    /// <param name="from">Share of the budget before which nothing is stopped, 0…1. Default 0.3.</param>
    /// <param name="runs">Completed runs that are needed. Default 5.</param>
    /// <param name="metric">The metric to look at.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number makes no sense.</exception>
    public MedianMonitor(double from = 0.3, int runs = 5, string metric = MonitoredRun.DefaultMetric)
    {
        if (from is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(from), from, "The share must be at least 0 and less than 1, e.g. 0.3.");
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        (_from, _runs, Metric) = (from, runs, metric);
    }

    /// <summary>The metric to look at.</summary>
    public string Metric { get; }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var curves = run.Earlier.Where(r => r.Result.Outcome == RunOutcome.Completed)
            .Select(r => LearningCurve.Of(r, Metric, run)).OfType<LearningCurve>().ToArray();
        if (curves.Length < _runs) return null;
        var best = double.PositiveInfinity;
        return m =>
        {
            if (m.Metric != Metric || m.Progress is not { } at) return null;
            best = Math.Min(best, run.ToLoss(m.Metric, m.Value));
            if (at < _from) return null;
            double[] means = [.. curves.Select(c => c.RunningMean(at)).OfType<double>()];
            if (means.Length < _runs) return null;
            var median = RobustStatistics.Median(means);
            return best <= median ? null : new(MonitorSignalKind.Behind, FormattableString.Invariant(
                $"the best {Metric} after {at:P0} of the budget is {run.ToLoss(m.Metric, best):G5}, worse than the median of the averages of {means.Length} runs, {run.ToLoss(m.Metric, median):G5}"));
        };
    }
}
