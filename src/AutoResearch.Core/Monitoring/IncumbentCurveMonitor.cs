using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Compares the learning curve with those of the incumbent at the same points of the budget, and stops a screening run that
/// is behind in two ways at once: steadily, by the signed-rank test on paired stretches of the curves (Wilcoxon 1945; as the
/// pruner of Optuna does with paired steps), and by more than runs of one and the same candidate differ. The second matters:
/// neighbouring steps share the luck of the run, so a test on steps alone is sure of itself after every unlucky start.
/// </summary>
public sealed class IncumbentCurveMonitor : IRunMonitor
{
    private const int Stretches = 8;
    private readonly double _from;
    private readonly double _significance;
    private readonly double _deviations;

    /// <summary>Creates the monitor.</summary>
    /// <param name="from">Share of the budget before which nothing is stopped, 0…1. Default 0.5.</param>
    /// <param name="significance">The level of the signed-rank test. Default 0.02.</param>
    /// <param name="deviations">
    /// How many standard deviations between runs of one candidate it has to be behind at the moment. Default 3; 0 leaves the
    /// signed-rank test alone.
    /// </param>
    /// <param name="metric">The metric to look at.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number makes no sense.</exception>
    public IncumbentCurveMonitor(
        double from = 0.5, double significance = 0.02, double deviations = 3, string metric = MonitoredRun.DefaultMetric)
    {
        if (from is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(from), from, "The share must be at least 0 and less than 1, e.g. 0.5.");
        if (significance is not (> 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(significance), significance,
                "The level must lie between 0 and 1, e.g. 0.02.");
        if (!(deviations >= 0))
            throw new ArgumentOutOfRangeException(nameof(deviations), deviations,
                "The number of deviations must be 0 or more, e.g. 3.");
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        (_from, _significance, _deviations, Metric) = (from, significance, deviations, metric);
    }

    /// <summary>The metric to look at.</summary>
    public string Metric { get; }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        LearningCurve[] incumbent = [.. Curves(run.Incumbent, run)];
        if (incumbent.Length == 0) return null;
        var repeats = run.Incumbent.Concat(run.Earlier).DistinctBy(r => r.Experiment.Id).GroupBy(r => r.Experiment.Candidate.Id)
            .Select(g => Curves(g, run).ToArray()).Where(g => g.Length > 1).ToArray();
        if (_deviations > 0 && repeats.Length == 0) return null;
        return LearningCurve.Follow(run, Metric, _from, (own, at) => Compare(run, own, incumbent, repeats, at));
    }

    private MonitorSignal? Compare(
        MonitoredRun run, LearningCurve own, LearningCurve[] incumbent, LearningCurve[][] repeats, double at)
    {
        var differences = new List<double>();
        for (var i = 0; i < Stretches; i++)
        {
            var (from, to) = (at * (0.5 + (0.5 * i / Stretches)), at * (0.5 + (0.5 * (i + 1) / Stretches)));
            if (own.Mean(from, Math.Min(to, own.End)) is { } mine && Mean(incumbent, from, to) is { } theirs)
                differences.Add(mine - theirs.Mean);
        }
        if (differences.Count < Stretches) return null;
        var p = RobustStatistics.SignedRank(differences.ToArray());
        if (p > _significance) return null;
        var (begin, end) = (0.9 * at, own.End);
        if (own.Mean(begin, end) is not { } level || Mean(incumbent, begin, end) is not { } bar) return null;
        var (behind, sigma) = (level - bar.Mean, 0.0);
        if (_deviations > 0)
        {
            if (Deviation(repeats, begin, end) is not { } between) return null;
            sigma = between * Math.Sqrt(1 + (1.0 / bar.Count));
        }
        return behind <= _deviations * sigma ? null : new(MonitorSignalKind.Behind, string.Create(CultureInfo.InvariantCulture,
            $"{Metric} is {behind:G3} behind the incumbent at {at:P0} of the budget ({run.ToLoss(Metric, level):G5} against "
            + $"{run.ToLoss(Metric, bar.Mean):G5} of {bar.Count}; runs differ by {sigma:G2}; signed-rank p = {p:G2})"));
    }

    private IEnumerable<LearningCurve> Curves(IEnumerable<Run> runs, MonitoredRun watched) =>
        runs.Where(r => r.Result.Outcome == RunOutcome.Completed && !r.Result.IsIntervened)
            .Select(r => LearningCurve.Of(r, Metric, watched)).OfType<LearningCurve>();

    private static (double Mean, int Count)? Mean(LearningCurve[] curves, double from, double to)
    {
        var (sum, count) = (0.0, 0);
        foreach (var curve in curves)
        {
            if (curve.Mean(from, to) is not { } mean) continue;
            sum += mean;
            count++;
        }
        return count == 0 ? null : (sum / count, count);
    }

    // Pooled over all candidates that ran more than once.
    private static double? Deviation(LearningCurve[][] repeats, double from, double to)
    {
        var (squares, freedom) = (0.0, 0);
        foreach (var group in repeats)
        {
            var sample = Sample.Of([.. group.Select(c => c.Mean(from, to)).OfType<double>()]);
            squares += sample.Squares;
            freedom += Math.Max(0, sample.Count - 1);
        }
        return freedom == 0 ? null : Math.Sqrt(squares / freedom);
    }
}
