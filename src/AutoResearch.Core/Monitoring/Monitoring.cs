namespace AutoResearch;

/// <summary>
/// What a history offers for watching a run: what it may be compared with, and how much of its budget it gave back.
/// </summary>
internal static class Monitoring
{
    private const int RecentTrials = 50;

    /// <summary>The run with the curves to compare it with, as the history stands when it begins.</summary>
    public static MonitoredRun Of(ResearchHistory history, Experiment experiment)
    {
        var objective = history.Problem.Objective;
        // Nothing else is ever compared
        if (experiment.Purpose != RunPurpose.Screen)
            return new(experiment, objective) { Repeats = RepeatsOf(history, experiment) };
        var version = history.Trial(experiment.Trial).IncumbentVersion;
        var earlier = new List<Run>(history.BaselineRuns);
        for (var number = Math.Max(1, history.TrialCount - RecentTrials); number <= history.TrialCount; number++)
            earlier.AddRange(history.Trial(number).Runs);
        return new(experiment, objective)
        {
            Incumbent = [.. history.IncumbentRuns(version).Where(r => r.Result.Outcome == RunOutcome.Completed)],
            Earlier = earlier,
        };
    }

    private static IReadOnlyList<Run> RepeatsOf(ResearchHistory history, Experiment experiment)
    {
        var own = experiment.Trial > 0
            ? history.Trial(experiment.Trial).Runs.Concat(history.Trial(experiment.Trial).Controls)
            : [];
        var incumbent = history.IncumbentRuns(history.IncumbentVersion);
        return [.. own.Concat(incumbent).Concat(history.BaselineRuns).Concat(history.ClaimRuns).Concat(history.FinalRuns)
            .Where(r => r.Experiment.Candidate.Id == experiment.Candidate.Id).DistinctBy(r => r.Experiment.Id)];
    }

    /// <summary>The share of a run's budget that was not used because it was stopped; 0 for others.</summary>
    public static double Unused(RunResult result) =>
        result.Outcome != RunOutcome.Completed
            && result.Interventions is [.., { Action.Kind: RunActionKind.Stop, Progress: { } progress }]
            ? 1 - Math.Clamp(progress, 0, 1)
            : 0;
}
