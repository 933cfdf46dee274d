using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// A proposal that cannot be run: malformed, forbidden, or nothing new, after the proposer was told and could not repair it. It
/// is recorded with its cost and rejected without a run.
/// </summary>
/// <param name="Reason">What is wrong with it, in one sentence.</param>
public sealed record InvalidChange(string Reason) : Change
{
    /// <summary>What was proposed, as far as it could be read; null when it could not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Change? Proposed { get; init; }

    /// <inheritdoc/>
    public override Candidate ApplyTo(Candidate parent) => throw new ChangeException($"invalid proposal: {Reason}");
}
