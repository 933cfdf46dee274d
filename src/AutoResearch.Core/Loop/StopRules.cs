using System.Globalization;

namespace AutoResearch;

/// <summary>The limits at which a loop proposes nothing more.</summary>
internal static class StopRules
{
    public static StopStep? Find(ResearchHistory history, ResearchLoopOptions options, int? maxExperiments, DateTimeOffset now)
    {
        // What stopped runs did not use is there for other ideas.
        var experiments = history.ExperimentsStarted - history.FinalRuns.Count - history.ClaimRuns.Count - history.ExperimentsReturned;
        if (experiments >= (maxExperiments ?? options.MaxExperiments) - 1e-6)
            return Stop(StopReason.MaxExperiments, $"The limit of {maxExperiments ?? options.MaxExperiments} experiments was reached.");

        var trials = history.Trials.Count;
        if (trials >= options.MaxTrials) return Stop(StopReason.MaxTrials, $"The limit of {options.MaxTrials} trials was reached.");

        if (options.MaxTime is { } limit)
        {
            var sinceLast = now > history.LastTime && !(history.IsAwaitingApproval && history.RunningCount == 0) ? now - history.LastTime : TimeSpan.Zero;
            if (history.ActiveTime + sinceLast >= limit) return Stop(StopReason.MaxTime, $"The time limit of {limit} was reached.");
        }
        if (history.MoneySpent >= options.MaxMoney)
            return Stop(StopReason.MaxCost, $"{history.MoneySpent} of the money limit {options.MaxMoney} was spent.");

        if (trials - history.State.Incumbent.Since >= options.PlateauTrials)
            return Stop(StopReason.Plateau, $"Nothing was accepted in the last {trials - history.State.Incumbent.Since} trials.");

        return trials >= options.MaxTrialsWithoutRun && TrialsWithoutRun(history, options.MaxTrialsWithoutRun)
            ? Stop(StopReason.Exhausted,
                $"The last {options.MaxTrialsWithoutRun} proposals were duplicates or did not apply, the last because: {history.Trials[^1].Verdict?.Reason}.")
            : null;
    }

    // What the loop drops by itself at the end is no idea that was kept.
    private static int TrialsWithoutKeep(ResearchHistory history)
    {
        var last = history.State.Incumbent;
        for (var version = last.Version; version > 0 && history.Trial(last.Trial).Hypothesis.Drops is not null; version--) last = history.Incumbents[version - 1];
        return history.TrialCount - last.Trial;
    }

    private static bool TrialsWithoutRun(ResearchHistory history, int count)
    {
        for (var i = 1; i <= count; i++)
        {
            if (history.Trials[^i] is { IsPending: true } or { Runs.Count: > 0 }) return false;
        }
        return true;
    }

    private static StopStep Stop(StopReason reason, FormattableString message) => new(reason, message.ToString(CultureInfo.InvariantCulture));
}
