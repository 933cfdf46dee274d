namespace AutoResearch;

/// <summary>Something that happened in a branch.</summary>
/// <param name="Branch">The branch's name.</param>
/// <param name="Event">What happened; it is in the branch's journal.</param>
public sealed record BranchEvent(string Branch, ResearchEvent Event);

/// <summary>A stretch of work of one branch.</summary>
/// <param name="Branch">The branch's name.</param>
/// <param name="Until">The number of experiments that the branch's search is carried to.</param>
public sealed record BranchSlice(string Branch, int Until)
{
    /// <summary>Runs of the slice, those for claims and the final measurement included; null while it is not done.</summary>
    public int? Runs { get; init; }

    /// <summary>The branch's confirmed gain over its baseline after the slice; 0 while none is confirmed.</summary>
    public double Gain { get; init; }
}
