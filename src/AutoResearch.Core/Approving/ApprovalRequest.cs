namespace AutoResearch;

/// <summary>What an approval is asked for.</summary>
public sealed record ApprovalRequest
{
    /// <summary>The problem.</summary>
    public required ResearchProblem Problem { get; init; }

    /// <summary>Before the run, or before the keep.</summary>
    public required ApprovalStage Stage { get; init; }

    /// <summary>The trial with its hypothesis and the runs so far.</summary>
    public required Trial Trial { get; init; }

    /// <summary>What the candidate changes about its parent.</summary>
    public required IReadOnlyList<ProposedChange> Changes { get; init; }

    /// <summary>The verdict that waits for approval; null before the run.</summary>
    public Verdict? Verdict { get; init; }

    /// <summary>A name for this request and no other of the loop, e.g. "0007-run-1a2b3c4d": trial, stage, candidate.</summary>
    public string Id => FormattableString.Invariant($"{Trial.Number:D4}-{(Stage == ApprovalStage.Run ? "run" : "keep")}-")
        + Trial.Candidate?.Id[..Math.Min(8, Trial.Candidate.Id.Length)];
}
