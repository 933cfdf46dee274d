using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>An idea that can be tested: a change to a parent, and why it should help.</summary>
public sealed record Hypothesis
{
    /// <summary>Id of the candidate that the change applies to, normally the incumbent at the time of proposing.</summary>
    public required string ParentId { get; init; }

    /// <summary>What is done to the parent.</summary>
    public required Change Change { get; init; }

    /// <summary>One line for tables, e.g. "matrix_lr 0.04 → 0.06".</summary>
    public required string Title { get; init; }

    /// <summary>Why it should help; empty when the proposer cannot say.</summary>
    public string Rationale { get; init; } = "";

    /// <summary>Expected gain in the objective's unit, positive for better; null when not stated.</summary>
    public double? ExpectedGain { get; init; }

    /// <summary>Who proposed it, e.g. "tpe" or a model's name.</summary>
    public string Proposer { get; init; } = "";

    /// <summary>What proposing it cost.</summary>
    public Cost Cost { get; init; }

    /// <summary>
    /// Number of the trial whose change is applied here to a newer incumbent; set by the loop. Null for a new idea.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? RebaseOf { get; init; }

    /// <summary>The trials whose kept changes are taken out by this one; set by the loop. Null for an idea.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? Drops { get; init; }

    /// <summary>
    /// True to run the candidate even if an identical one was run before. Default false: duplicates are skipped.
    /// </summary>
    public bool AllowRepeat { get; init; }

    /// <summary>The trial whose idea this is again, tried on another incumbent this time; null for a new idea.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? RetryOf { get; init; }

    /// <summary>What the proposer wants to remember: an entry of its lab notebook. Null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }

    /// <summary>Where a language model's proposal comes from; null for other proposers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProposalProvenance? Provenance { get; init; }
}
