namespace AutoResearch.Testing;

/// <summary>
/// Learning curves for a <see cref="SimulatedObjective"/>: a training loss that is reported while a run goes on, and ends where
/// the run's score lies. Early in a run its luck has little to do with that at the end, and ideas may look better or worse on the
/// way than they are: curves cross.
/// </summary>
public sealed record SimulatedCurves
{
    /// <summary>Reports in one run. Default 25.</summary>
    public int Points { get; init; } = 25;

    /// <summary>Standard deviation of a single report about the curve, in the metric's unit. Default 0.001.</summary>
    public double StepNoise { get; init; } = 0.001;

    /// <summary>
    /// Standard deviation, over ideas, of how much better or worse an idea looks at the beginning than it is; it fades until the
    /// end. Default 0.001: as large as the effects.
    /// </summary>
    public double Transient { get; init; } = 0.001;

    /// <summary>The metric that is reported. Default <c>train_loss</c>.</summary>
    public string Metric { get; init; } = "train_loss";
}
