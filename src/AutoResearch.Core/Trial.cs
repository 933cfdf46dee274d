namespace AutoResearch;

/// <summary>One hypothesis on its way: the candidate, its runs so far, and the verdict once there is one.</summary>
public sealed record Trial
{
    /// <summary>1, 2, 3 … in the order of proposing.</summary>
    public required int Number { get; init; }

    /// <summary>The idea.</summary>
    public required Hypothesis Hypothesis { get; init; }

    /// <summary>
    /// The parent with the change applied; null when the change did not apply or the candidate was a duplicate.
    /// </summary>
    public Candidate? Candidate { get; init; }

    /// <summary>
    /// Its runs that ended with a result, in order; infrastructure failures and cancelled runs are not among them.
    /// </summary>
    public IReadOnlyList<Run> Runs { get; init; } = [];

    /// <summary>
    /// Version of the incumbent that the idea was proposed for and that its candidate is compared with. In a parallel loop it
    /// may have been replaced before the verdict.
    /// </summary>
    public int IncumbentVersion { get; init; }

    /// <summary>
    /// The trial that measures the same change on the incumbent of today, after this one was accepted against an incumbent that
    /// had been replaced; null when there was no need.
    /// </summary>
    public int? RebasedAs { get; init; }

    /// <summary>Runs of the incumbent that were made for this trial and ended with a result, in order.</summary>
    public IReadOnlyList<Run> Controls { get; init; } = [];

    /// <summary>
    /// Runs of the baseline that were asked for during this trial to see how the machine drifts
    /// (<see cref="Arm.Baseline"/>), in order.
    /// </summary>
    public IReadOnlyList<Run> Sentinels { get; init; } = [];

    /// <summary>What the acceptor has asked for and not got yet; null when nothing is open.</summary>
    public NeedMore? Request { get; init; }

    /// <summary>Who has allowed or refused its run and its keep, in order.</summary>
    public IReadOnlyList<Approval> Approvals { get; init; } = [];

    /// <summary>What somebody was asked for and has not decided yet; null when nothing waits.</summary>
    public ApprovalStage? AwaitedApproval { get; init; }

    /// <summary>
    /// The accept that waits for approval, or was approved and is about to be recorded; null when there is none.
    /// </summary>
    public Verdict? HeldVerdict { get; init; }

    /// <summary>The final verdict; null while it is running.</summary>
    public Verdict? Verdict { get; init; }

    /// <summary>True while there is no final verdict.</summary>
    public bool IsPending => Verdict is null;

    /// <summary>The decision on its run or its keep; null when there is none.</summary>
    public Approval? ApprovalOf(ApprovalStage stage) => Approvals.LastOrDefault(a => a.Stage == stage);
}
