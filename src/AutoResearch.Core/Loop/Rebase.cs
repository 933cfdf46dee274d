using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Applies the change of an accepted trial, whose incumbent was replaced before the verdict, to the present incumbent. Only the
/// merged candidate is ever accepted, and only by its own runs: two gains may add up, overlap or cancel.
/// </summary>
internal static class Rebase
{
    /// <summary>
    /// The hypothesis on top of another incumbent, with all that the trial was measured with: parameters by name, files line by
    /// line. The change is the one proposed where that brings the same. With it why the two cannot be merged; null when they can.
    /// </summary>
    /// <param name="history">The history.</param>
    /// <param name="trial">The accepted trial.</param>
    /// <param name="onto">The incumbent that its change is to be applied to.</param>
    public static (Hypothesis Hypothesis, string? Conflict) Onto(ResearchHistory history, Trial trial, Incumbent onto)
    {
        var (change, conflict) = Merge(trial, history.Incumbents[trial.IncumbentVersion].Candidate, onto.Candidate);
        return (trial.Hypothesis with
        {
            ParentId = onto.Candidate.Id,
            Change = change,
            Title = trial.Hypothesis.Title + FormattableString.Invariant($" (on top of trial {onto.Trial})"),
            RebaseOf = trial.Number,
            Cost = default,
        }, conflict);
    }

    private static (Change Change, string? Conflict) Merge(Trial trial, Candidate before, Candidate now)
    {
        var (change, tried) = (trial.Hypothesis.Change, trial.Candidate!);
        var parameters = ParameterChange.Between(before.Parameters, tried.Parameters);
        foreach (var name in parameters.Set.Keys.Concat(parameters.Remove ?? []))
        {
            var (was, present) = (Value(before, name), Value(now, name));
            if (present != was && present != Value(tried, name))
                return (change, string.Create(CultureInfo.InvariantCulture,
                    $"conflicts with the present incumbent, which has set {name} to {present ?? "nothing"} since; "
                    + $"the idea of trial {trial.Number} was measured with {was ?? "nothing"}"));
        }

        var files = (now.Source ?? Enumerable.Empty<KeyValuePair<string, string>>()).ToDictionary(StringComparer.Ordinal);
        foreach (var path in (before.Source?.Keys ?? []).Union(tried.Source?.Keys ?? []))
        {
            var (was, present, wanted) = (Text(before, path), Text(now, path), Text(tried, path));
            if (was == wanted) continue;
            var edits = trial.Hypothesis.ParentId == before.Id ? Edits(change).Where(e => e.Path == path) : [];
            if (Replaced([.. edits], now) is { } replaced) files[path] = replaced.Source![path];
            else if (!LineMerge.TryMerge(was, present, wanted, out var merged))
                return (change, $"conflicts with the present incumbent, which has {What(path, was, present, wanted)} since");
            else if (merged is null) files.Remove(path);
            else files[path] = merged;
        }

        var result = new Candidate
        {
            Parameters = now.Apply(parameters).Parameters,
            Source = files.Count == 0 && now.Source is null ? null : new SourceTree(files),
        };
        return (Applied(change, now) == result ? change : CombinedChange.Between(now, result), null);
    }

    private static string What(string path, string? was, string? present, string? wanted) =>
        present is null ? $"deleted '{path}'"
        : was is null ? $"created '{path}' with another text"
        : wanted is null ? $"changed '{path}', which the idea deletes,"
        : $"changed the same lines of '{path}'";

    /// <summary>
    /// The candidate with passages replaced; null if there are other edits among them, or a passage is no longer found.
    /// </summary>
    private static Candidate? Replaced(FileEdit[] edits, Candidate now) =>
        edits.Length > 0 && Array.TrueForAll(edits, e => e is ReplaceText) ? Applied(new SourceChange(edits), now) : null;

    private static Candidate? Applied(Change change, Candidate candidate)
    {
        try
        {
            return candidate.Apply(change);
        }
        catch (ChangeException)
        {
            return null;
        }
    }

    private static IEnumerable<FileEdit> Edits(Change change) => change switch
    {
        SourceChange source => source.Edits,
        CombinedChange combined => combined.Changes.SelectMany(Edits),
        _ => [],
    };

    private static string? Value(Candidate candidate, string name) =>
        candidate.Parameters.TryGetValue(name, out var value) ? value.ToString() : null;

    private static string? Text(Candidate candidate, string path) => candidate.Source?.GetValueOrDefault(path);
}
