namespace AutoResearch;

/// <summary>
/// The runs of one and the same program that begin a search (A/A runs): those of the baseline and, where these are too few
/// to show the noise, controls of the first trials.
/// </summary>
internal sealed class FirstRuns
{
    private readonly Dictionary<int, int> _borrowed = [];

    private FirstRuns(string baselineId) => BaselineId = baselineId;

    /// <summary>The candidate they measured.</summary>
    public string BaselineId { get; }

    /// <summary>Their losses.</summary>
    public double[] Losses { get; private init; } = [];

    public static FirstRuns Of(ResearchState state, Trial trial, int wanted)
    {
        var objective = state.Problem.Objective;
        List<double> losses = [.. LossesOf(state.BaselineRuns, objective)];
        var borrowed = new Dictionary<int, int>();
        foreach (var t in state.Judged.Select(n => state.Trials[n - 1]).Append(trial))
        {
            if (losses.Count >= wanted) break;
            double[] controls = [.. LossesOf(t.Controls, objective).Take(wanted - losses.Count)];
            borrowed[t.Number] = controls.Length;
            losses.AddRange(controls);
        }
        var first = new FirstRuns(state.Problem.Baseline.Id) { Losses = [.. losses] };
        foreach (var (number, count) in borrowed) first._borrowed.Add(number, count);
        return first;
    }

    /// <summary>How many of a trial's controls are among them.</summary>
    public int BorrowedFrom(Trial trial) => _borrowed.GetValueOrDefault(trial.Number);

    private static IEnumerable<double> LossesOf(IReadOnlyList<Run> runs, Objective objective) =>
        runs.Select(r => r.Result.Score(objective)).OfType<double>().Select(objective.ToLoss);
}
