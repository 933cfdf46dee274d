namespace AutoResearch;

/// <summary>The one metric that decides what is better: its name as the runner reports it, its direction and its unit.</summary>
public sealed record Objective
{
    /// <summary>Creates an objective.</summary>
    /// <param name="metric">The metric's name in <see cref="RunResult.Metrics"/>, e.g. <c>val_bpb</c>.</param>
    /// <param name="direction">Which way it improves.</param>
    /// <param name="unit">A unit for reports, e.g. <c>bits/byte</c>; null when it has none.</param>
    /// <exception cref="ArgumentException"><paramref name="metric"/> is empty.</exception>
    public Objective(string metric, Direction direction = Direction.Minimize, string? unit = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        Metric = metric;
        Direction = direction;
        Unit = unit;
    }

    /// <summary>The metric's name as the runner reports it.</summary>
    public string Metric { get; init; }

    /// <summary>Which way the metric improves.</summary>
    public Direction Direction { get; init; }

    /// <summary>The unit for reports; null when it has none.</summary>
    public string? Unit { get; init; }

    /// <summary>An objective whose lower value is better.</summary>
    /// <inheritdoc cref="Objective(string, Direction, string)"/>
    public static Objective Minimize(string metric, string? unit = null) => new(metric, Direction.Minimize, unit);

    /// <summary>An objective whose higher value is better.</summary>
    /// <inheritdoc cref="Objective(string, Direction, string)"/>
    public static Objective Maximize(string metric, string? unit = null) => new(metric, Direction.Maximize, unit);

    /// <summary>
    /// How much better <paramref name="candidate"/> is than <paramref name="incumbent"/>: positive is better,
    /// in the metric's unit.
    /// </summary>
    public double Gain(double incumbent, double candidate) =>
        Direction == Direction.Minimize ? incumbent - candidate : candidate - incumbent;

    /// <summary>
    /// True when <paramref name="candidate"/> is strictly better than <paramref name="incumbent"/>; NaN is never better.
    /// </summary>
    public bool IsBetter(double candidate, double incumbent) => Gain(incumbent, candidate) > 0;

    /// <summary>The value in the sense "lower is better": itself when minimizing, its negative when maximizing.</summary>
    public double ToLoss(double value) => Direction == Direction.Minimize ? value : -value;
}
