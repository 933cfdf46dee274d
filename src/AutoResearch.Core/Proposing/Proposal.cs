using System.Globalization;

namespace AutoResearch;

/// <summary>
/// What all proposers that work on a search space share: which space, what was tried, and how to word a hypothesis.
/// </summary>
internal static class Proposal
{
    /// <summary>The space to search.</summary>
    /// <exception cref="InvalidOperationException">Neither the proposer nor the problem has one with parameters.</exception>
    public static SearchSpace SpaceOf(SearchSpace? own, ResearchState state, string proposer)
    {
        var space = own ?? state.Problem.SearchSpace ?? throw new InvalidOperationException($"{proposer} has no search space: "
            + $"set ResearchProblem.SearchSpace of '{state.Problem.Name}', or give one to its constructor.");
        return space.Parameters.Count > 0 ? space : throw new InvalidOperationException(
            $"The search space of {proposer} has no parameters: add some, e.g. new SearchSpace().LogFloat(\"lr\", 1e-4, 1e-1).");
    }

    /// <summary>Ids of the baseline and of every candidate that was ever proposed.</summary>
    public static HashSet<string> TriedIn(ResearchState state)
    {
        var tried = new HashSet<string>(state.Trials.Count + 2, StringComparer.Ordinal)
        {
            state.Problem.Baseline.Id,
            state.Incumbent.Candidate.Id,
        };
        foreach (var trial in state.Trials)
        {
            if (trial.Candidate is { } candidate) tried.Add(candidate.Id);
        }
        return tried;
    }

    /// <summary>The incumbent moved to a point of the space; parameters that the space does not name stay as they are.</summary>
    public static Candidate Move(Candidate incumbent, SearchSpace space, ParameterSet point)
    {
        var names = space.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        return new() { Parameters = incumbent.Parameters.Without(names).With(point), Source = incumbent.Source };
    }

    /// <summary>
    /// A point of a finite space that was not tried, all being equally likely; null when there is none, or when the space
    /// is not finite or has more than a million points, where running out is no concern.
    /// </summary>
    public static Candidate? AnyUntried(ResearchState state, SearchSpace space, HashSet<string> tried, Random random)
    {
        const long MaxPoints = 1_000_000;
        if (space.Size is not { } size || size > MaxPoints) return null;
        Candidate? chosen = null;
        var untried = 0;
        foreach (var point in space.Enumerate())
        {
            var candidate = Move(state.Incumbent.Candidate, space, point);
            if (!tried.Contains(candidate.Id) && random.Next(++untried) == 0) chosen = candidate;
        }
        return chosen;
    }

    /// <summary>The hypothesis that turns the incumbent into <paramref name="candidate"/>.</summary>
    public static Hypothesis Create(ResearchState state, Candidate candidate, string proposer, string rationale)
    {
        var incumbent = state.Incumbent.Candidate;
        var change = ParameterChange.Between(incumbent.Parameters, candidate.Parameters);
        return new()
        {
            ParentId = incumbent.Id,
            Change = change,
            Title = Describe(incumbent.Parameters, change),
            Rationale = rationale,
            Proposer = proposer,
        };
    }

    /// <summary>A change in one line, e.g. "depth 4 → 6, matrix_lr 0.04 → 0.0631, − momentum".</summary>
    public static string Describe(ParameterSet from, ParameterChange change)
    {
        var set = change.Set.Select(p => from.TryGetValue(p.Key, out var old)
            ? $"{p.Key} {Short(old)} → {Short(p.Value)}"
            : $"+ {p.Key} {Short(p.Value)}");
        return string.Join(", ", set.Concat((change.Remove ?? []).Select(name => $"− {name}")));
    }

    // Three digits are enough for a title; the change has all of them.
    private static string Short(ParameterValue value) =>
        value.Kind == ParameterKind.Float ? value.AsFloat().ToString("G3", CultureInfo.InvariantCulture) : value.ToString();
}
