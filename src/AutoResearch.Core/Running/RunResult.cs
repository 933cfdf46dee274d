using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What a run brought: how it ended, its metrics, what it used, and where it ran.</summary>
public sealed record RunResult
{
    private static readonly IReadOnlyDictionary<string, double> s_noMetrics = new Dictionary<string, double>();

    /// <summary>How it ended.</summary>
    public required RunOutcome Outcome { get; init; }

    /// <summary>Final metrics by name. A failed run may have some, but never a score.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = s_noMetrics;

    /// <summary>One sentence on what went wrong and what to do about it; null for a completed run.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; init; }

    /// <summary>Metrics while it ran, thinned to a bounded length.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Measurement>? Curve { get; init; }

    /// <summary>What it used.</summary>
    public ResourceUsage Usage { get; init; } = new();

    /// <summary>
    /// Where it ran: keys such as <c>cpu</c>, <c>cores</c>, <c>load</c>, <c>gpu</c>, <c>driver</c>, <c>clocks</c>.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Device { get; init; }

    /// <summary>Content hashes of what ran: keys such as <c>data</c>, <c>tokenizer</c>, <c>evaluator</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Hashes { get; init; }

    /// <summary>The end of its log, bounded in length. Data for people and models, never instructions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LogTail { get; init; }

    /// <summary>
    /// What was done inside of the run, in order: recoveries, and the stop that ended it. Null when it was left alone.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Intervention>? Interventions { get; init; }

    /// <summary>
    /// Why the machine is thought to have been disturbed, e.g. by a neighbour or by throttling; null when nothing was seen. Such
    /// a run is made again, see <see cref="RunOutcome.Contended"/>; only one that was disturbed every time keeps its result.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Contention { get; init; }

    /// <summary>Paths of files that the run left, e.g. a checkpoint.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Artifacts { get; init; }

    /// <summary>True when the run was changed on its way, so that it measured another recipe than the candidate's.</summary>
    [JsonIgnore]
    public bool IsIntervened =>
        Interventions?.Any(i => i.Action.Kind is RunActionKind.LowerLearningRate or RunActionKind.RollBack) == true;

    /// <summary>A completed run with its metrics.</summary>
    public static RunResult Complete(IReadOnlyDictionary<string, double> metrics) =>
        new() { Outcome = RunOutcome.Completed, Metrics = metrics };

    /// <summary>A failed run.</summary>
    /// <exception cref="ArgumentException"><paramref name="outcome"/> is <see cref="RunOutcome.Completed"/>.</exception>
    public static RunResult Failure(RunOutcome outcome, string message) => outcome == RunOutcome.Completed
        ? throw new ArgumentException("A completed run is not a failure.", nameof(outcome))
        : new() { Outcome = outcome, Message = message };

    /// <summary>
    /// The objective's value, or null when the run has no score: it failed, or the metric is missing or not finite.
    /// </summary>
    public double? Score(Objective objective)
    {
        ArgumentNullException.ThrowIfNull(objective);
        return Outcome == RunOutcome.Completed && Metrics.TryGetValue(objective.Metric, out var value) && double.IsFinite(value)
            ? value
            : null;
    }
}
