namespace AutoResearch;

/// <summary>Takes kept changes out of the final candidate.</summary>
internal static class Ablation
{
    /// <summary>
    /// The incumbent without the changes that brought some of its predecessors, all others applied in order, source files merged
    /// line by line; null when a change cannot be taken out because a later one touches the same lines.
    /// </summary>
    /// <param name="incumbents">The baseline and all incumbents.</param>
    /// <param name="versions">The places in that list whose changes are left out, from 1.</param>
    public static Candidate? Without(IReadOnlyList<Incumbent> incumbents, params IReadOnlyCollection<int> versions)
    {
        var first = versions.Min();
        var candidate = incumbents[first - 1].Candidate;
        for (var i = first + 1; i < incumbents.Count; i++)
        {
            if (versions.Contains(i)) continue;
            var (before, after) = (incumbents[i - 1].Candidate, incumbents[i].Candidate);
            if (!TryMerge(before.Source, candidate.Source, after.Source, out var source)) return null;
            candidate = new()
            {
                Parameters = candidate.Apply(ParameterChange.Between(before.Parameters, after.Parameters)).Parameters,
                Source = source,
            };
        }
        return candidate;
    }

    private static bool TryMerge(SourceTree? before, SourceTree? ours, SourceTree? theirs, out SourceTree? merged)
    {
        merged = ours;
        if (ReferenceEquals(before, theirs)) return true;
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Paths(before).Union(Paths(ours)).Union(Paths(theirs)))
        {
            if (!LineMerge.TryMerge(File(before, path), File(ours, path), File(theirs, path), out var text)) return false;
            if (text is not null) files.Add(path, text);
        }
        merged = files.Count == 0 && ours is null ? null : new SourceTree(files);
        return true;

        static IEnumerable<string> Paths(SourceTree? tree) => tree?.Keys ?? [];
        static string? File(SourceTree? tree, string path) => tree?.GetValueOrDefault(path);
    }
}
