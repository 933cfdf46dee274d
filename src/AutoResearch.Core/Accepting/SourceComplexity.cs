namespace AutoResearch;

/// <summary>How much there is to a candidate: lines of code without comments and blank lines, and parameters.</summary>
internal static class SourceComplexity
{
    public static int Lines(SourceTree? source) => source?.Sum(f => NormalizedSource.Lines(f.Key, f.Value).Count()) ?? 0;

    public static int Of(Candidate candidate) => Lines(candidate.Source) + candidate.Parameters.Count;
}
