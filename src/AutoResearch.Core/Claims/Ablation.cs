namespace AutoResearch;

/// <summary>Takes single kept changes out of the final candidate.</summary>
internal static class Ablation
{
    /// <summary>
    /// The incumbent without the change that brought one of its predecessors, all others applied in order; null when the
    /// change cannot be taken out alone because it touches source files.
    /// </summary>
    /// <param name="incumbents">The baseline and all incumbents.</param>
    /// <param name="version">The version whose change is left out, from 1.</param>
    public static Candidate? Without(IReadOnlyList<Incumbent> incumbents, int version)
    {
        if (!SameFiles(incumbents[version].Candidate.Source, incumbents[version - 1].Candidate.Source)) return null;
        var candidate = new Candidate { Parameters = incumbents[version - 1].Candidate.Parameters };
        for (var i = version + 1; i < incumbents.Count; i++)
            candidate = candidate.Apply(ParameterChange.Between(incumbents[i - 1].Candidate.Parameters, incumbents[i].Candidate.Parameters));
        return new() { Parameters = candidate.Parameters, Source = incumbents[^1].Candidate.Source };
    }

    private static bool SameFiles(SourceTree? a, SourceTree? b) =>
        ReferenceEquals(a, b) || (a is not null && b is not null && a.SequenceEqual(b));
}
