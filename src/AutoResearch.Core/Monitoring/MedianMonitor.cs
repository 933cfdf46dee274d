using System.Globalization;

namespace AutoResearch;

/// <summary>
/// The median stopping rule: stops a screening run that is worse than the median of the completed runs at the same point of the
/// budget. Golovin et al. 2017 ("Google Vizier", 3.2.2) compare the best value so far with running averages; on a loss that falls
/// steeply at first the averages are so high that nothing is ever stopped, so both sides are the latest
/// stretch of the curve here.
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
        if (from is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(from), from, "The share must be at least 0 and less than 1, e.g. 0.3.");
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
        return LearningCurve.Follow(run, Metric, _from, (own, at) =>
        {
            double[] others = [.. curves.Select(c => c.Level(at)).OfType<double>()];
            if (others.Length < _runs || own.Level(own.End) is not { } loss) return null;
            var median = RobustStatistics.Median(others);
            return loss <= median ? null : new(MonitorSignalKind.Behind, string.Create(CultureInfo.InvariantCulture,
                $"{Metric} is {run.ToLoss(Metric, loss):G5} at {at:P0} of the budget, "
                + $"worse than the median of {others.Length} runs, {run.ToLoss(Metric, median):G5}"));
        });
    }
}
