namespace AutoResearch;

/// <summary>
/// Keeps the learning curve of a run compactly for the journal: the objective and metrics with loss in their name, a few of them,
/// thinned by halves so that the points stay evenly spaced. Not thread-safe.
/// </summary>
internal sealed class CurveRecorder(string objective)
{
    private const int MaxMetrics = 2;
    private const int MaxPoints = 64;
    private readonly Dictionary<string, Thinned> _metrics = new(StringComparer.Ordinal);

    public IReadOnlyList<Measurement>? Curve => _metrics.Count == 0 ? null : [.. _metrics.Values.SelectMany(m => m.Points)];

    public void Add(Measurement measurement)
    {
        if (!double.IsFinite(measurement.Value)) return;
        if (!_metrics.TryGetValue(measurement.Metric, out var metric))
        {
            if (_metrics.Count == MaxMetrics || !IsOfInterest(measurement.Metric)) return;
            _metrics.Add(measurement.Metric, metric = new());
        }
        metric.Add(measurement);
    }

    private bool IsOfInterest(string metric) =>
        metric == objective || metric.Contains("loss", StringComparison.OrdinalIgnoreCase);

    private sealed class Thinned
    {
        private long _seen;
        private long _every = 1;

        public List<Measurement> Points { get; } = [];

        public void Add(Measurement measurement)
        {
            if (_seen++ % _every != 0) return;
            Points.Add(measurement);
            if (Points.Count < MaxPoints) return;
            for (var i = Points.Count - 1; i > 0; i -= 2) Points.RemoveAt(i);
            _every *= 2;
        }
    }
}
