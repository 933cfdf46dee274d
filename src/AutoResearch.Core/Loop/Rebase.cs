namespace AutoResearch;

/// <summary>
/// Applies the change of an accepted trial, whose incumbent was replaced before the verdict, to the present incumbent. Only the
/// merged candidate is ever accepted, and only by its own runs: two gains may add up, overlap or cancel.
/// </summary>
internal static class Rebase
{
    public static Hypothesis Hypothesis(ResearchHistory history, Trial trial)
    {
        var incumbent = history.State.Incumbent;
        return trial.Hypothesis with
        {
            ParentId = incumbent.Candidate.Id,
            Title = trial.Hypothesis.Title + FormattableString.Invariant($" (on top of trial {incumbent.Trial})"),
            RebaseOf = trial.Number,
            Cost = default,
        };
    }

    /// <summary>Why a change cannot be merged: the present incumbent has changed the same parameter since; null when it can.</summary>
    public static string? Conflict(ResearchHistory history, Trial trial)
    {
        if (trial.Hypothesis.Change is not ParameterChange change) return null; // edits of files find their places or do not apply
        var (before, now) = (history.Incumbents[trial.IncumbentVersion].Candidate.Parameters, history.State.Incumbent.Candidate.Parameters);
        var name = change.Set.Keys.Concat(change.Remove ?? []).FirstOrDefault(n => Value(before, n) != Value(now, n));
        return name is null ? null : FormattableString.Invariant(
            $"conflicts with the present incumbent, which has set {name} to {Value(now, name) ?? "nothing"} since; the idea of trial {trial.Number} was measured with {Value(before, name) ?? "nothing"}");
    }

    private static string? Value(ParameterSet parameters, string name) => parameters.TryGetValue(name, out var value) ? value.ToString() : null;
}
