namespace AutoResearch;

/// <summary>What a comparison of a run's branch with its journal found.</summary>
/// <param name="Commits">Kept hypotheses that have their commit.</param>
/// <param name="Problems">One sentence for every kept hypothesis whose commit is missing or differs; empty when
/// all is well.</param>
public sealed record GitVerification(int Commits, IReadOnlyList<string> Problems)
{
    /// <summary>True when branch and journal agree.</summary>
    public bool IsValid => Problems.Count == 0;
}
