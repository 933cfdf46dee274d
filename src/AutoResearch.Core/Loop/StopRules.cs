using System.Globalization;

namespace AutoResearch;

/// <summary>The limits at which a loop proposes nothing more.</summary>
internal static class StopRules
{
    public static StopStep? Find(ResearchHistory history, ResearchLoopOptions options, int? maxExperiments, DateTimeOffset now)
    {
        // What stopped runs did not use is there for other ideas.
        var experiments = history.ExperimentsStarted - history.FinalRuns.Count - history.ClaimRuns.Count
            - history.ExperimentsReturned;
        if (experiments >= (maxExperiments ?? options.MaxExperiments) - 1e-6)
            return Stop(StopReason.MaxExperiments,
                $"The limit of {maxExperiments ?? options.MaxExperiments} experiments was reached.");

        var trials = history.Trials.Count;
        if (trials >= options.MaxTrials)
            return Stop(StopReason.MaxTrials, $"The limit of {options.MaxTrials} trials was reached.");

        if (options.MaxTime is { } limit)
        {
            var sinceLast = now > history.LastTime && !(history.IsAwaitingApproval && history.RunningCount == 0)
                ? now - history.LastTime
                : TimeSpan.Zero;
            if (history.ActiveTime + sinceLast >= limit)
                return Stop(StopReason.MaxTime, $"The time limit of {limit} was reached.");
        }
        if (history.MoneySpent >= options.MaxMoney)
            return Stop(StopReason.MaxCost, $"{history.MoneySpent} of the money limit {options.MaxMoney} was spent.");

        if (trials - history.State.Incumbent.Since >= options.PlateauTrials)
            return Stop(StopReason.Plateau, $"Nothing was accepted in the last {trials - history.State.Incumbent.Since} trials.");

        if (trials < options.MaxTrialsWithoutRun || !TrialsWithoutRun(history, options.MaxTrialsWithoutRun)) return null;
        var why = history.Trials[^1].Verdict?.Reason;
        return Stop(StopReason.Exhausted,
            $"The last {options.MaxTrialsWithoutRun} proposals were duplicates or did not apply, the last because: {why}.");
    }

    private static bool TrialsWithoutRun(ResearchHistory history, int count)
    {
        for (var number = history.TrialCount; count > 0 && number > 0; number--)
        {
            // What the loop drops by itself is no proposal
            if (history.Trial(number) is not { Hypothesis.Drops: null } trial) continue;
            if (trial is { IsPending: true } or { Runs.Count: > 0 }) return false;
            count--;
        }
        return count == 0;
    }

    private static StopStep Stop(StopReason reason, FormattableString message) =>
        new(reason, message.ToString(CultureInfo.InvariantCulture));
}
