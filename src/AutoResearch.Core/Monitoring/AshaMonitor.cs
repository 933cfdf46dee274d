using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Asynchronous successive halving, in the form that stops (Li et al. 2020, "A system for massively parallel hyperparameter
/// tuning"): at rungs η⁻ⁿ of the budget a screening run goes on only if it is among the best 1/η of all that reached the rung.
/// Made for wide searches of few good settings; where most ideas differ by less than the noise it stops the good with the bad.
/// </summary>
public sealed class AshaMonitor : IRunMonitor
{
    private readonly double _reduction;
    private readonly double[] _rungs;

    /// <summary>Creates the monitor.</summary>
    /// <param name="reduction">η: of how many one goes on. Default 3, more than 1.</param>
    /// <param name="rungs">How many rungs, at η⁻¹, η⁻² … of the budget. Default 2.</param>
    /// <param name="metric">The metric to look at.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number makes no sense.</exception>
    public AshaMonitor(double reduction = 3, int rungs = 2, string metric = MonitoredRun.DefaultMetric)
    {
        if (!(reduction > 1))
            throw new ArgumentOutOfRangeException(nameof(reduction), reduction, "The reduction must be more than 1, e.g. 3.");
        ArgumentOutOfRangeException.ThrowIfLessThan(rungs, 1);
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        (_reduction, Metric) = (reduction, metric);
        _rungs = [.. Enumerable.Range(1, rungs).Select(n => Math.Pow(reduction, -n)).Order()];
    }

    /// <summary>The metric to look at.</summary>
    public string Metric { get; }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        LearningCurve[] curves = [.. run.Earlier.Select(r => LearningCurve.Of(r, Metric, run)).OfType<LearningCurve>()];
        var (own, next) = (new LearningCurve(), 0);
        return m =>
        {
            if (m.Metric != Metric || m.Progress is not { } at) return null;
            own.Add(at, run.ToLoss(m.Metric, m.Value));
            if (next == _rungs.Length || at < _rungs[next]) return null;
            var rung = _rungs[next++];
            if (own.Level(rung) is not { } loss) return null;
            double[] others = [.. curves.Select(c => c.Level(rung)).OfType<double>()];
            var places = (int)((others.Length + 1) / _reduction);
            if (places == 0) return null; // too few reached it to say who is best
            var better = others.Count(o => o < loss);
            return better < places ? null : new(MonitorSignalKind.Behind, string.Create(CultureInfo.InvariantCulture,
                $"{Metric} {run.ToLoss(m.Metric, loss):G5} is number {better + 1} of {others.Length + 1} at {rung:P0} of the "
                + $"budget; {places} go on"));
        };
    }
}
