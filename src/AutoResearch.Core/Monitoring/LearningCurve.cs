namespace AutoResearch;

/// <summary>
/// A metric as a function of the share of the budget that was used, so that runs of different speed are compared at the same
/// point of their schedules. Linear between its points.
/// </summary>
internal sealed class LearningCurve
{
    private const int Looks = 20;

    private readonly List<(double At, double Loss)> _points = [];

    /// <summary>The last position, 0 before the first point.</summary>
    public double End => _points.Count == 0 ? 0 : _points[^1].At;

    public int Count => _points.Count;

    /// <summary>The curve of a run that was made; null when it kept none of this metric.</summary>
    public static LearningCurve? Of(Run run, string metric, MonitoredRun watched)
    {
        var curve = new LearningCurve();
        foreach (var m in run.Result.Curve ?? [])
        {
            if (m.Metric == metric && watched.ProgressOf(m) is { } at) curve.Add(at, watched.ToLoss(metric, m.Value));
        }
        return curve.Count > 1 ? curve : null;
    }

    /// <summary>
    /// Follows the curve of a run under way and lets somebody look at it from a share of the budget on: at fixed points, not at
    /// every step, since a slow run must not get more chances to be stopped than a quick one.
    /// </summary>
    public static RunWatch Follow(MonitoredRun run, string metric, double from, Func<LearningCurve, double, MonitorSignal?> look)
    {
        var (own, looked) = (new LearningCurve(), 0);
        return m =>
        {
            if (m.Metric != metric || m.Progress is not { } at) return null;
            own.Add(at, run.ToLoss(m.Metric, m.Value));
            if (at < from || (int)(at * Looks) == looked) return null;
            looked = (int)(at * Looks);
            return look(own, at);
        };
    }

    /// <summary>Adds a point behind the others; one that does not lie behind them, or is not finite, is left out.</summary>
    public void Add(double at, double loss)
    {
        if (double.IsFinite(loss) && double.IsFinite(at) && (_points.Count == 0 || at > _points[^1].At)) _points.Add((at, loss));
    }

    /// <summary>The loss at a position; null outside of the curve.</summary>
    public double? At(double at)
    {
        if (_points.Count == 0 || at < _points[0].At || at > _points[^1].At) return null;
        var (low, high) = (0, _points.Count - 1);
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (_points[middle].At <= at) low = middle;
            else high = middle;
        }
        var (a, b) = (_points[low], _points[high]);
        return b.At > a.At ? a.Loss + ((b.Loss - a.Loss) * (at - a.At) / (b.At - a.At)) : a.Loss;
    }

    /// <summary>The mean of the stretch before a position: one value of a training loss says little.</summary>
    public double? Level(double at) => Mean(0.75 * at, at) ?? At(at);

    /// <summary>
    /// The mean of the curve over a stretch, by a few positions in it; null when it does not cover the stretch.
    /// </summary>
    public double? Mean(double from, double to)
    {
        const int Positions = 8;
        var sum = 0.0;
        for (var i = 0; i < Positions; i++)
        {
            if (At(from + ((to - from) * (i + 0.5) / Positions)) is not { } loss) return null;
            sum += loss;
        }
        return sum / Positions;
    }
}
