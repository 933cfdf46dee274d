namespace AutoResearch;

/// <summary>A trial as the chart shows it; trial 0 is the baseline.</summary>
internal readonly record struct ProgressPoint(int Trial, string Title, double? Score, bool IsKept)
{
    public static IReadOnlyList<ProgressPoint> Of(ResearchHistory history)
    {
        if (history.IsEmpty) return [];
        var objective = history.Problem.Objective;
        var points = new List<ProgressPoint> { new(0, "baseline", Mean(history.BaselineRuns), true) };
        foreach (var trial in history.Trials.Where(t => t.Runs.Count > 0))
            points.Add(new(trial.Number, trial.Hypothesis.Title, Score(trial), trial.Verdict is Accept));
        return points;

        // A screening score selects and is therefore optimistic; once there are fresh runs, they are what counts.
        double? Score(Trial trial) =>
            Mean(trial.Runs.Where(r => r.Experiment.Purpose == RunPurpose.Confirm)) ?? Mean(trial.Runs);

        double? Mean(IEnumerable<Run> runs)
        {
            var scores = runs.Select(r => r.Result.Score(objective)).OfType<double>().ToArray();
            return scores.Length == 0 ? null : scores.Average();
        }
    }
}
