namespace AutoResearch;

/// <summary>One difference between a candidate and its parent.</summary>
/// <param name="Kind">What kind of difference.</param>
/// <param name="Name">The parameter's name or the file's path.</param>
/// <param name="Before">The value or the content before; null when there was none.</param>
/// <param name="After">The value or the content after; null when there is none.</param>
public sealed record ProposedChange(ProposedChangeKind Kind, string Name, string? Before, string? After)
{
    /// <summary>All differences, parameters first, by name.</summary>
    public static IReadOnlyList<ProposedChange> Between(Candidate parent, Candidate candidate)
    {
        ArgumentNullException.ThrowIfNull(parent);
        ArgumentNullException.ThrowIfNull(candidate);
        var changes = new List<ProposedChange>();
        foreach (var name in parent.Parameters.Keys.Union(candidate.Parameters.Keys, StringComparer.Ordinal)
            .Order(StringComparer.Ordinal))
        {
            var (before, after) = (Value(parent, name), Value(candidate, name));
            if (before != after) changes.Add(new(ProposedChangeKind.Parameter, name, before, after));
        }

        foreach (var path in (parent.Source?.Keys ?? []).Union(candidate.Source?.Keys ?? [], StringComparer.Ordinal)
            .Order(StringComparer.Ordinal))
        {
            var (before, after) = (parent.Source?.GetValueOrDefault(path), candidate.Source?.GetValueOrDefault(path));
            if (before == after) continue;
            changes.Add(new(
                before is null ? ProposedChangeKind.NewFile : after is null ? ProposedChangeKind.Delete : ProposedChangeKind.Edit,
                path, before, after));
        }

        return changes;
    }

    private static string? Value(Candidate candidate, string name) =>
        candidate.Parameters.TryGetValue(name, out var value) ? value.ToString() : null;
}
