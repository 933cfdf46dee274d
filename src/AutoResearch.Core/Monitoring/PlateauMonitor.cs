namespace AutoResearch;

/// <summary>
/// Stops a screening run whose loss has not improved over a stretch of its budget. Where the learning rate falls towards the end
/// of the budget most of the progress comes there, so a plateau before it is no proof; the stretch should be long.
/// </summary>
public sealed class PlateauMonitor : IRunMonitor
{
    private const double Smoothing = 0.8;
    private readonly double _stretch;
    private readonly double _improvement;

    /// <summary>Creates the monitor.</summary>
    /// <param name="stretch">Share of the budget without improvement, 0…1. Default 0.4.</param>
    /// <param name="improvement">What counts as an improvement, relative to the smoothed loss. Default 0.001.</param>
    /// <param name="metric">The metric to look at.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number makes no sense.</exception>
    public PlateauMonitor(double stretch = 0.4, double improvement = 1e-3, string metric = MonitoredRun.DefaultMetric)
    {
        if (stretch is not (> 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(stretch), stretch, "The stretch must lie between 0 and 1, e.g. 0.4.");
        if (!(improvement >= 0))
            throw new ArgumentOutOfRangeException(nameof(improvement), improvement,
                "The improvement must be 0 or more, e.g. 0.001.");
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        (_stretch, _improvement, Metric) = (stretch, improvement, metric);
    }

    /// <summary>The metric to look at.</summary>
    public string Metric { get; }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var (smooth, best, bestAt) = (double.NaN, double.PositiveInfinity, 0.0);
        return m =>
        {
            if (m.Metric != Metric || !double.IsFinite(m.Value) || m.Progress is not { } at) return null;
            var loss = run.ToLoss(m.Metric, m.Value);
            smooth = double.IsNaN(smooth) ? loss : (Smoothing * smooth) + ((1 - Smoothing) * loss);
            if (double.IsInfinity(best) || smooth < best - (_improvement * Math.Abs(best))) (best, bestAt) = (smooth, at);
            return at - bestAt < _stretch ? null : new(MonitorSignalKind.Plateau, FormattableString.Invariant(
                $"{Metric} has not improved on {run.ToLoss(m.Metric, best):G4} from {bestAt:P0} to {at:P0} of the budget"));
        };
    }
}
