namespace AutoResearch;

/// <summary>One row of autoresearch's <c>results.tsv</c>.</summary>
/// <param name="Commit">The first seven characters of the candidate's id, or of a git commit.</param>
/// <param name="Score">The metric; 0 for a crash.</param>
/// <param name="MemoryGb">Peak memory in GB; 0 for a crash or when it was not measured.</param>
/// <param name="Status"><c>keep</c>, <c>discard</c> or <c>crash</c>.</param>
/// <param name="Description">What was tried.</param>
public sealed record ResultsRow(string Commit, double Score, double MemoryGb, string Status, string Description)
{
    /// <summary>True for a candidate that was kept.</summary>
    public bool IsKept => Status == "keep";

    /// <summary>True for a run without a score.</summary>
    public bool IsCrash => Status == "crash";
}
