namespace AutoResearch;

/// <summary>A run that is watched, with what it may be compared with. All of it follows from the journal. Immutable.</summary>
public sealed class MonitoredRun
{
    /// <summary>The metric that monitors look at when nothing else is said.</summary>
    public const string DefaultMetric = "train_loss";

    /// <summary>Describes a run; loops do this, and tests of monitors.</summary>
    public MonitoredRun(Experiment experiment, Objective objective)
    {
        Experiment = experiment ?? throw new ArgumentNullException(nameof(experiment));
        Objective = objective ?? throw new ArgumentNullException(nameof(objective));
    }

    /// <summary>What runs.</summary>
    public Experiment Experiment { get; }

    /// <summary>The objective.</summary>
    public Objective Objective { get; }

    /// <summary>Completed runs of the incumbent that the candidate is compared with.</summary>
    public IReadOnlyList<Run> Incumbent { get; init; } = [];

    /// <summary>
    /// Recent runs of any candidate, completed or stopped, in order of their trials; those of the baseline come first.
    /// </summary>
    public IReadOnlyList<Run> Earlier { get; init; } = [];

    /// <summary>Earlier runs of the same candidate.</summary>
    internal IReadOnlyList<Run> Repeats { get; init; } = [];

    /// <summary>
    /// A value so that less is better: a metric other than the objective's is taken for a loss.
    /// </summary>
    public double ToLoss(string metric, double value) => metric == Objective.Metric ? Objective.ToLoss(value) : value;

    /// <summary>
    /// Where a measurement stands in the budget, 0…1: as the runner says, or else by the steps or the time of the budget.
    /// Null when nothing tells.
    /// </summary>
    internal double? ProgressOf(Measurement measurement)
    {
        if (measurement.Progress is { } known) return known;
        var budget = Experiment.ScaledBudget();
        if (budget.Steps is { } steps && measurement.Step > 0) return Math.Min(1, (double)measurement.Step / steps);
        return (budget.Training ?? budget.Wall) is { } time && measurement.Elapsed > TimeSpan.Zero
            ? Math.Min(1, measurement.Elapsed / time)
            : null;
    }
}
