namespace AutoResearch.Pretraining;

/// <summary>Every measurement goes to the listener; what is kept is thinned by halves, so that it stays evenly spaced.</summary>
internal sealed class LossCurve(IProgress<Measurement>? listener)
{
    private const int MostPoints = 200;
    private readonly List<Measurement> _points = [];
    private long _every = 1;

    public IReadOnlyList<Measurement> Points => _points;

    public void Add(Measurement point)
    {
        listener?.Report(point);
        if (point.Step % _every != 0) return;
        _points.Add(point);
        if (_points.Count < MostPoints) return;
        _every *= 2;
        _points.RemoveAll(p => p.Step % _every != 0);
    }
}
