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

    public LoopStep Next(ResearchHistory history, DateTimeOffset now)
    {
        if (history.Unfinished is [var unfinished, ..]) return new RunStep(unfinished with { Attempt = unfinished.Attempt + 1 });
        if (history.Trials.Count == 0 && NextOfBaseline(history) is { } baseline) return baseline;
        if (history.Trials is [.., var trial])
        {
            if (trial.IsPending) return NextOfTrial(history, trial);
            if (trial.Verdict is Accept && history.State.Incumbent.Trial != trial.Number) return new AdvanceStep(trial);
        }
        return (Exhausted ?? StopRules.Find(history, options, maxExperiments, now)) is { } stop ? Close(history, stop) : ProposeStep.Instance;
    }

    /// <summary>The rest of the way once the search is over: test the claims, measure the gain with fresh seeds, then stop.</summary>
    private LoopStep Close(ResearchHistory history, StopStep stop)
    {
        var incumbent = history.State.Incumbent;
        if (incumbent.Version == 0) return Summarized(history, stop);
        if (options.ClaimRounds > 0 && history.Claims is null) return NextOfClaims(history, incumbent);
        if (options.FinalRuns == 0) return Summarized(history, stop);
        if (history.Gain is not null) return Summarized(history, stop);
        var final = FinalRuns.Of(history);
        var (candidates, baselines) = (final.Candidate.Count, final.Baseline.Count);
        if (Math.Min(candidates, baselines) < options.FinalRuns)
        {
            var ofCandidate = candidates <= baselines;
            return Run(history, ofCandidate ? incumbent.Candidate : history.Problem.Baseline, RunPurpose.Final,
                incumbent.Trial, (ofCandidate ? candidates : baselines) + 1);
        }
        return final.Estimate(history.Problem.Objective, options.Confidence) is { } gain
            ? new MeasureGainStep(gain)
            : Summarized(history, stop with { Message = stop.Message + " The final runs failed, so the gain could not be measured again." });
    }

    private LoopStep NextOfClaims(ResearchHistory history, Incumbent incumbent)
    {
        var (next, found) = ClaimPlan.Next(history, options,
            (candidate, index) => Run(history, candidate, RunPurpose.Claim, incumbent.Trial, index).Experiment);
        return found is null ? new RunStep(next!) : new SettleClaimsStep(found);
    }

    private LoopStep? NextOfBaseline(ResearchHistory history)
    {
        var runs = history.BaselineRuns;
        var objective = history.Problem.Objective;
        var scored = runs.Count(r => r.Result.Score(objective) is not null);
        var failed = runs.Count - scored - ForgivenBaselineFailures;
        if (failed > 0 && (scored == 0 || failed > options.BaselineRuns))
        {
            var last = runs.Last(r => r.Result.Score(objective) is null).Result;
            return new StopStep(StopReason.Failed, string.Create(CultureInfo.InvariantCulture,
                $"The baseline gave no score in {failed} of {runs.Count} runs; the last one ended as {last.Outcome}: {last.Message ?? "no message"}. Make the baseline run, then resume."));
        }
        if (scored > 0 && history.Problem.Guards.FirstOrDefault(g => !runs.Any(r => r.Result.Metrics.ContainsKey(g.Metric))) is { } guard)
            return new StopStep(StopReason.Failed,
                $"The guard metric '{guard.Metric}' was not reported by the baseline, so every candidate would be rejected. Report it, or remove the guard.");
        return scored < options.BaselineRuns ? Run(history, history.Problem.Baseline, RunPurpose.Baseline, 0, runs.Count + 1) : null;
    }

    private LoopStep NextOfTrial(ResearchHistory history, Trial trial)
    {
        if (trial.Candidate is null)
            return new VerdictStep(trial.Number, new Reject { Reason = HypothesisCheck.Resolve(history, trial.Hypothesis).Refusal
                ?? throw new InvalidDataException($"Trial {trial.Number} has no candidate, but nothing is wrong with its hypothesis.") });
        if (trial.Runs.Count == 0) return Run(history, trial.Candidate, RunPurpose.Screen, trial.Number, 1);
        if (trial.Request is not { } request) return new JudgeStep(trial);

        var confirmations = trial.Runs.Count(r => r.Experiment.Purpose == RunPurpose.Confirm);
        var incumbent = history.State.Incumbent;
        var controls = Evidence.ControlsOf(incumbent, trial.Number).Count;
        if (trial.Runs.Count + controls >= options.MaxRunsPerTrial)
            return new VerdictStep(trial.Number, new Indecisive
            {
                Reason = $"undecided after {trial.Runs.Count + controls} runs, the most that a trial may have; the acceptor still asked: {request.Reason}",
            });
        return request.Arm == Arm.Candidate
            ? Run(history, trial.Candidate, RunPurpose.Confirm, trial.Number, confirmations + 1)
            : Run(history, incumbent.Candidate, RunPurpose.Control, trial.Number, controls + 1);
    }

    private static RunStep Run(ResearchHistory history, Candidate candidate, RunPurpose purpose, int trial, int index) => new(new Experiment
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
        var accepted = history.State.Incumbent.Version;
        var gain = history.Gain is { } g
            ? string.Create(CultureInfo.InvariantCulture, $"; gain measured again: {g.Gain:G4} [{g.Low:G4}, {g.High:G4}]")
            : "";
        if (history.Claims is { } claims) gain = $"; {claims.Confirmed.Count()} of {claims.Claims.Count} kept changes confirmed{gain}";
        return stop with
        {
            Message = string.Create(CultureInfo.InvariantCulture,
                $"{stop.Message} {history.ExperimentsFinished} experiments, {history.Trials.Count} trials, {accepted} accepted{gain}."),
        };
    }
}
