using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Decides what a loop does next from its history alone. A loop that was killed at any point and resumed therefore goes
/// on as if nothing had happened: there is no other state to lose.
/// </summary>
internal sealed class LoopPlanner(ResearchLoopOptions options, int? maxExperiments)
{
    /// <summary>Failed baseline runs of earlier sessions that ended with a stop: a resumed loop tries afresh.</summary>
    public int ForgivenBaselineFailures { get; init; }

    /// <summary>Set once the proposer has nothing left in this session.</summary>
    public StopStep? Exhausted { get; set; }

    /// <summary>True when runs and keeps need an approval.</summary>
    public bool NeedsApproval { get; init; }

    public LoopStep Next(
        ResearchHistory history, DateTimeOffset now, bool isProposing = false, IReadOnlyCollection<int>? asking = null)
    {
        var running = history.RunningCount;
        var free = options.MaxParallel - running;
        if (free > 0 && history.Unfinished.Count > running
            && history.Unfinished.FirstOrDefault(e => !history.IsRunning(e)) is { } unfinished)
            return new RunStep(unfinished with { Attempt = unfinished.Attempt + 1 });
        if (history.Trials.Count == 0 && NextOfBaseline(history, free) is { } baseline)
            return baseline is StopStep && running > 0 ? WaitStep.Instance : baseline;
        if (NextOfAccepted(history) is { } next) return next;
        foreach (var trial in history.Pending)
        {
            if (asking?.Contains(trial.Number) != true && NextOfTrial(history, trial, free) is { } step) return step;
        }
        if (asking?.Count > 0) return WaitStep.Instance; // nothing new is begun while somebody is asked
        if (free <= 0) return WaitStep.Instance;
        if ((Exhausted ?? StopRules.Find(history, options, maxExperiments, now)) is not { } stop) return ProposeStep.Instance;
        if (isProposing || (running > 0 && history.Pending.Any())) return WaitStep.Instance;
        var last = Close(history, stop);
        return last is StopStep && running > 0 ? WaitStep.Instance : last;
    }

    /// <summary>What follows an accept: the incumbent advances, unless another idea was faster.</summary>
    private static LoopStep? NextOfAccepted(ResearchHistory history)
    {
        if (history.State.Judged is not [.., var number] || history.Trial(number) is not { Verdict: Accept } trial) return null;
        var incumbent = history.State.Incumbent;
        if (trial.IncumbentVersion == incumbent.Version) return new AdvanceStep(trial);
        return incumbent.Trial == number || trial.RebasedAs is not null || history.Incumbents.Any(i => i.Trial == number)
            ? null
            : new RebaseStep(trial);
    }

    /// <summary>
    /// The rest of the way once the search is over: test the claims, measure the gain with fresh seeds, then stop.
    /// </summary>
    private LoopStep Close(ResearchHistory history, StopStep stop)
    {
        var incumbent = history.State.Incumbent;
        // The baseline, or the baseline again: after a reversion, or when all that was kept was dropped.
        if (history.Lineage.Count <= 1 || incumbent.Candidate.Id == history.Problem.Baseline.Id) return Summarized(history, stop);
        if (options.ClaimRounds > 0 && history.Claims is null) return NextOfClaims(history, incumbent);
        if (options.DropUseless && options.ClaimRounds > 0 && Pruning.Next(history) is { } pruned) return new PruneStep(pruned);
        if (options.FinalRuns == 0) return Summarized(history, stop);
        if (history.Gain is not null) return Summarized(history, stop);
        var final = FinalRuns.Of(history);
        if (Math.Min(final.CandidatesStarted, final.BaselinesStarted) < options.FinalRuns)
        {
            return IsCandidatesTurn(final.CandidatesStarted, final.BaselinesStarted)
                ? Run(history, incumbent.Candidate, RunPurpose.Final, incumbent.Trial, final.CandidatesStarted + 1)
                : Run(history, history.Problem.Baseline, RunPurpose.Final, incumbent.Trial, final.BaselinesStarted + 1);
        }
        if (final.IsRunning) return WaitStep.Instance;
        return final.Estimate(history.Problem.Objective, options.Confidence) is { } gain
            ? new MeasureGainStep(gain)
            : Summarized(history,
                stop with { Message = stop.Message + " The final runs failed, so the gain could not be measured again." });
    }

    private LoopStep NextOfClaims(ResearchHistory history, Incumbent incumbent)
    {
        var (next, found) = ClaimPlan.Next(history, options,
            (candidate, index) => Run(history, candidate, RunPurpose.Claim, incumbent.Trial, index).Experiment);
        return found is not null ? new SettleClaimsStep(found) : next is not null ? new RunStep(next) : WaitStep.Instance;
    }

    private LoopStep? NextOfBaseline(ResearchHistory history, int free)
    {
        var runs = history.BaselineRuns;
        var objective = history.Problem.Objective;
        var scored = runs.Count(r => r.Result.Score(objective) is not null);
        var failed = runs.Count - scored - ForgivenBaselineFailures;
        if (failed > 0 && (scored == 0 || failed > options.BaselineRuns))
        {
            var last = runs.Last(r => r.Result.Score(objective) is null).Result;
            return new StopStep(StopReason.Failed, string.Create(CultureInfo.InvariantCulture,
                $"The baseline gave no score in {failed} of {runs.Count} runs; the last one ended as {last.Outcome}: "
                + $"{last.Message ?? "no message"}. Make the baseline run, then resume."));
        }
        if (scored > 0
            && history.Problem.Guards.FirstOrDefault(g => !runs.Any(r => r.Result.Metrics.ContainsKey(g.Metric))) is { } guard)
            return new StopStep(StopReason.Failed,
                $"The guard metric '{guard.Metric}' was not reported by the baseline, so every candidate would be rejected. "
                + "Report it, or remove the guard.");
        var open = history.Unfinished.Count;
        if (scored >= options.BaselineRuns) return null;
        return free > 0 && scored + open < options.BaselineRuns
            ? Run(history, history.Problem.Baseline, RunPurpose.Baseline, 0, runs.Count + open + 1)
            : WaitStep.Instance;
    }

    /// <summary>The next step of a pending trial; null while it waits for its runs or for a free slot.</summary>
    private LoopStep? NextOfTrial(ResearchHistory history, Trial trial, int free)
    {
        if (trial.Candidate is null)
            return new VerdictStep(trial.Number, new Reject { Reason = Refusal(history, trial) });
        var open = history.UnfinishedOf(trial);
        if (NextOfApproval(trial, open.Count) is { } approval) return approval;
        if (trial.Hypothesis.Drops is not null) return NextOfPruning(history, trial, open, free);
        if (trial.Runs.Count == 0)
            return open.Count == 0 && free > 0 ? Run(history, trial.Candidate, RunPurpose.Screen, trial.Number, 1) : null;
        if (trial.Request is not { } request) return open.Count == 0 ? new JudgeStep(trial) : null;
        if (free <= 0 || open.Count >= (options.MaxParallel > 1 ? request.Runs : 1)) return null;
        if (request.Arm == Arm.Baseline)
            return Run(history, history.Problem.Baseline, RunPurpose.Sentinel, trial.Number,
                trial.Sentinels.Count + open.Count + 1);

        var confirmations = trial.Runs.Count(r => r.Experiment.Purpose == RunPurpose.Confirm)
            + open.Count(e => e.Purpose == RunPurpose.Confirm);
        var controls = trial.Controls.Count + open.Count(e => e.Purpose == RunPurpose.Control);
        if (trial.Runs.Count + trial.Controls.Count + open.Count >= options.MaxRunsPerTrial)
        {
            return open.Count > 0 ? null : new VerdictStep(trial.Number, new Indecisive
            {
                Reason = $"undecided after {trial.Runs.Count + controls} runs, the most that a trial may have; "
                    + $"the acceptor still asked: {request.Reason}",
            });
        }
        return request.Arm == Arm.Candidate
            ? Run(history, trial.Candidate, RunPurpose.Confirm, trial.Number, confirmations + 1)
            : Run(history, history.Incumbents[trial.IncumbentVersion].Candidate, RunPurpose.Control, trial.Number, controls + 1);
    }

    // Pairs with the same seeds. Every second pair is the other way round, so that a drift favours no arm.
    private static bool IsCandidatesTurn(int candidates, int others) =>
        candidates == others ? candidates % 2 == 0 : candidates < others;

    private LoopStep? NextOfPruning(ResearchHistory history, Trial trial, IReadOnlyList<Experiment> open, int free)
    {
        if (trial.Runs.FirstOrDefault(r => r.Result.Score(history.Problem.Objective) is null) is { Result: var failed })
            return open.Count > 0 ? null : new VerdictStep(trial.Number,
                new Reject { Reason = $"without them a run ended as {failed.Outcome}: {failed.Message ?? "no message"}" });
        var candidates = trial.Runs.Count + open.Count(e => e.Purpose == RunPurpose.Confirm);
        var controls = trial.Controls.Count + open.Count(e => e.Purpose == RunPurpose.Control);
        if (Math.Min(candidates, controls) >= options.ClaimRounds)
            return open.Count > 0 ? null : new VerdictStep(trial.Number, Pruning.Judge(history, trial));
        if (free <= 0) return null;
        return IsCandidatesTurn(candidates, controls)
            ? Run(history, trial.Candidate!, RunPurpose.Confirm, trial.Number, candidates + 1)
            : Run(history, history.Incumbents[trial.IncumbentVersion].Candidate, RunPurpose.Control, trial.Number, controls + 1);
    }

    private LoopStep? NextOfApproval(Trial trial, int open)
    {
        if (trial.AwaitedApproval is { } stage) return new ApproveStep(trial, stage);
        if (trial.HeldVerdict is { } verdict)
        {
            return trial.ApprovalOf(ApprovalStage.Keep) is not { } keep ? new ApproveStep(trial, ApprovalStage.Keep)
                : new VerdictStep(trial.Number, keep.Approved ? verdict : Refused(keep, "kept", verdict.Statistics));
        }

        if (!NeedsApproval || trial.Runs.Count > 0 || open > 0) return null;
        if (trial.ApprovalOf(ApprovalStage.Run) is not { } run) return new ApproveStep(trial, ApprovalStage.Run);
        return run.Approved ? null : new VerdictStep(trial.Number, Refused(run, "run", null));
    }

    private static Reject Refused(Approval approval, string what, IReadOnlyDictionary<string, double>? statistics) => new()
    {
        Reason = $"not approved to be {what}, by {approval.By}{(approval.Reason.Length > 0 ? $": {approval.Reason}" : "")}",
        Statistics = statistics ?? new Dictionary<string, double>(),
    };

    private static string Refusal(ResearchHistory history, Trial trial) =>
        (trial.Hypothesis.RebaseOf is { } original
            ? Rebase.Onto(history, history.Trial(original), history.Incumbents[trial.IncumbentVersion]).Conflict
            : null)
        ?? HypothesisCheck.Resolve(history, trial.Hypothesis).Refusal
        ?? throw new InvalidDataException($"Trial {trial.Number} has no candidate, but nothing is wrong with its hypothesis.");

    private static RunStep Run(ResearchHistory history, Candidate candidate, RunPurpose purpose, int trial, int index) =>
        new(new Experiment
        {
            Id = string.Create(CultureInfo.InvariantCulture, $"e{history.ExperimentsStarted + 1:D4}"),
            Candidate = candidate,
            Seed = SeedSequence.Derive(history.Seed, purpose, trial, index),
            Budget = history.Problem.Budget,
            Purpose = purpose,
            Trial = trial,
        });

    private static StopStep Summarized(ResearchHistory history, StopStep stop)
    {
        var accepted = history.Incumbents.Count(i => i.Version > 0 && i.Reversion is null);
        var gain = history.Gain is { } g
            ? string.Create(CultureInfo.InvariantCulture, $"; gain measured again: {g.Gain:G4} [{g.Low:G4}, {g.High:G4}]")
            : "";
        if (history.Claims is { } claims)
            gain = $"; {claims.Confirmed.Count()} of {claims.Claims.Count} kept changes confirmed{gain}";
        return stop with
        {
            Message = string.Create(CultureInfo.InvariantCulture,
                $"{stop.Message} {history.ExperimentsFinished} experiments, {history.Trials.Count} trials, "
                + $"{accepted} accepted{gain}."),
        };
    }
}
