namespace AutoResearch;

/// <summary>
/// Several changes, one after the other: parameters and source at once, or the changes of several earlier trials.
/// </summary>
/// <param name="Changes">The changes; a later one sees the result of the earlier ones.</param>
public sealed record CombinedChange(IReadOnlyList<Change> Changes) : Change
{
    /// <inheritdoc/>
    public override Candidate ApplyTo(Candidate parent)
    {
        ArgumentNullException.ThrowIfNull(parent);
        return Changes.Aggregate(parent, (candidate, change) => change.ApplyTo(candidate));
    }

    /// <summary>The simplest change that turns one candidate into another: of parameters, of whole files, or of both.</summary>
    internal static Change Between(Candidate from, Candidate to)
    {
        var parameters = ParameterChange.Between(from.Parameters, to.Parameters);
        List<FileEdit> edits = [.. (to.Source ?? Enumerable.Empty<KeyValuePair<string, string>>())
            .Where(f => from.Source?.GetValueOrDefault(f.Key) != f.Value).Select(f => new WriteFile(f.Key, f.Value))];
        edits.AddRange(
            (from.Source?.Keys ?? []).Where(path => to.Source?.ContainsKey(path) != true).Select(path => new DeleteFile(path)));
        if (edits.Count == 0) return parameters;
        return parameters.Set.Count == 0 && parameters.Remove is null
            ? new SourceChange(edits)
            : new CombinedChange([parameters, new SourceChange(edits)]);
    }
}
