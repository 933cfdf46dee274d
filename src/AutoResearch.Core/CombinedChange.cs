namespace AutoResearch;

/// <summary>Several changes, one after the other: parameters and source at once, or the changes of several earlier trials.</summary>
/// <param name="Changes">The changes; a later one sees the result of the earlier ones.</param>
public sealed record CombinedChange(IReadOnlyList<Change> Changes) : Change
{
    /// <inheritdoc/>
    public override Candidate ApplyTo(Candidate parent)
    {
        ArgumentNullException.ThrowIfNull(parent);
        return Changes.Aggregate(parent, (candidate, change) => change.ApplyTo(candidate));
    }
}
