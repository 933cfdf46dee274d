using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Sees a loss that jumps and stays up: several measurements in a row far above the median of the ones before, in units of their
/// median absolute deviation. A single spike heals by itself and is left alone.
/// </summary>
public sealed class LossSpikeMonitor : IRunMonitor
{
    private const int Window = 32;
    private const int Least = 12;
    private readonly double _deviations;
    private readonly int _patience;

    /// <summary>Creates the monitor.</summary>
    /// <param name="deviations">How many robust standard deviations above the median count as a spike. Default 8.</param>
    /// <param name="patience">How many spikes in a row give a signal. Default 5.</param>
    /// <param name="metric">The metric to look at.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number makes no sense.</exception>
    public LossSpikeMonitor(double deviations = 8, int patience = 5, string metric = MonitoredRun.DefaultMetric)
    {
        if (!(deviations > 0))
            throw new ArgumentOutOfRangeException(nameof(deviations), deviations,
                "The number of deviations must be positive, e.g. 8.");
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        (_deviations, _patience, Metric) = (deviations, patience, metric);
    }

    /// <summary>The metric to look at.</summary>
    public string Metric { get; }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var (recent, spikes) = (new Queue<double>(), 0);
        return m =>
        {
            if (m.Metric != Metric || !double.IsFinite(m.Value)) return null;
            var loss = run.ToLoss(m.Metric, m.Value);
            if (recent.Count >= Least)
            {
                var (median, deviation) = RobustStatistics.MedianAndDeviation([.. recent]);
                if (loss > median + (_deviations * Math.Max(deviation, 1e-3 * Math.Abs(median))))
                {
                    return ++spikes < _patience
                        ? null
                        : new(MonitorSignalKind.Unstable, string.Create(CultureInfo.InvariantCulture,
                            $"{Metric} is {m.Value:G4} at step {m.Step}, the {spikes}th in a row far above the "
                            + $"{run.ToLoss(m.Metric, median):G4} ± {deviation:G2} before"));
                }
            }
            spikes = 0;
            recent.Enqueue(loss);
            if (recent.Count > Window) recent.Dequeue();
            return null;
        };
    }
}
