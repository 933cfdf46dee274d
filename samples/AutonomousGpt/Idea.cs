namespace AutoResearch.Samples.AutonomousGpt;

/// <summary>Something that the script proposes: one passage of a file for another.</summary>
/// <param name="Title">One line.</param>
/// <param name="Rationale">Why it should help, as a model would write it.</param>
/// <param name="Search">A passage that occurs once; empty to write the whole file.</param>
/// <param name="Replace">What stands there afterwards.</param>
internal sealed record Idea(string Title, string Rationale, string Search, string Replace)
{
    /// <summary>The file.</summary>
    public string Path { get; init; } = "train.cs";
}
