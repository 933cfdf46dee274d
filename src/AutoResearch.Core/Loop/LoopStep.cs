namespace AutoResearch;

/// <summary>What a loop does next.</summary>
internal abstract record LoopStep;

/// <summary>Runs an experiment.</summary>
internal sealed record RunStep(Experiment Experiment) : LoopStep;

/// <summary>Asks the acceptor about the pending trial.</summary>
internal sealed record JudgeStep(Trial Trial) : LoopStep;

/// <summary>Ends the pending trial with a verdict that needs no acceptor.</summary>
internal sealed record VerdictStep(int Trial, Verdict Verdict) : LoopStep;

/// <summary>Asks for an approval.</summary>
internal sealed record ApproveStep(Trial Trial, ApprovalStage Stage) : LoopStep;

/// <summary>Makes the accepted candidate the incumbent.</summary>
internal sealed record AdvanceStep(Trial Trial) : LoopStep;

/// <summary>Measures the change of an accepted trial, whose incumbent has been replaced, on the present incumbent.</summary>
internal sealed record RebaseStep(Trial Trial) : LoopStep;

/// <summary>Proposes the final candidate without the changes that do nothing.</summary>
internal sealed record PruneStep(Hypothesis Hypothesis) : LoopStep;

/// <summary>Waits for a running experiment or proposal.</summary>
internal sealed record WaitStep : LoopStep
{
    public static WaitStep Instance { get; } = new();
}

/// <summary>Asks the proposer.</summary>
internal sealed record ProposeStep : LoopStep
{
    public static ProposeStep Instance { get; } = new();
}

/// <summary>Records what the claims' runs have shown.</summary>
internal sealed record SettleClaimsStep(ClaimSet Claims) : LoopStep;

/// <summary>Works out the gain from the final runs.</summary>
internal sealed record MeasureGainStep(GainEstimate Gain) : LoopStep;

/// <summary>Ends the loop.</summary>
internal sealed record StopStep(StopReason Reason, string Message) : LoopStep;
