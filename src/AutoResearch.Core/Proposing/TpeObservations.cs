using System.Runtime.CompilerServices;

namespace AutoResearch;

/// <summary>
/// What TPE learns from: the points that were tried, best first. A feasible score ranks before a broken guard, a broken
/// guard before a failure, and a trial that is still running counts as bad, so that parallel trials keep apart.
/// </summary>
internal sealed class TpeObservations
{
    private TpeObservations(IReadOnlyList<ParameterSet> good, IReadOnlyList<ParameterSet> bad, int scored) =>
        (Good, Bad, Scored) = (good, bad, scored);

    /// <summary>The best points, in the order in which they were tried.</summary>
    public IReadOnlyList<ParameterSet> Good { get; }

    /// <summary>All other points, in the order in which they were tried.</summary>
    public IReadOnlyList<ParameterSet> Bad { get; }

    /// <summary>How many of them have a score.</summary>
    public int Scored { get; }

    // The points are kept from call to call; null where a candidate is outside the space.
    public static TpeObservations Of(
        ResearchState state, SearchSpace space, TpeOptions options, ConditionalWeakTable<Candidate, Point> points)
    {
        var ended = new List<(ParameterSet Point, int Class, double Loss, int Order)>();
        var bad = new List<(ParameterSet Point, int Order)>();
        if (Rank(state.Problem, state.BaselineRuns) is { } baseline) Add(state.Problem.Baseline, baseline, 0);
        foreach (var trial in state.Trials)
        {
            if (trial.Candidate is null) continue;
            if (Rank(state.Problem, trial.Runs) is { } rank) Add(trial.Candidate, rank, trial.Number);
            else if (trial.IsPending && PointOf(trial.Candidate) is { } pending) bad.Add((pending, trial.Number));
        }

        var goodCount = Math.Min((int)Math.Ceiling(options.GoodShare * ended.Count), options.MaxGood);
        var ranked = ended.OrderBy(o => o.Class).ThenBy(o => o.Loss).ThenBy(o => o.Order).ToList();
        // A failure is nothing to imitate, even among the best tenth.
        var good = ranked.Take(goodCount).Where(o => o.Class < 2).OrderBy(o => o.Order).Select(o => o.Point).ToList();
        bad.AddRange(ranked.Skip(good.Count).Select(o => (o.Point, o.Order)));
        return new(good, [.. bad.OrderBy(o => o.Order).Select(o => o.Point)], ended.Count(o => o.Class < 2));

        void Add(Candidate candidate, (int Class, double Loss) rank, int order)
        {
            if (PointOf(candidate) is { } point) ended.Add((point, rank.Class, rank.Loss, order));
        }

        ParameterSet? PointOf(Candidate candidate)
        {
            if (points.TryGetValue(candidate, out var known) && known.Space == space) return known.Values;
            var values = space.Contains(candidate.Parameters) ? space.Normalize(candidate.Parameters) : null;
            points.AddOrUpdate(candidate, new(space, values));
            return values;
        }
    }

    /// <summary>A candidate's point of a space.</summary>
    internal sealed record Point(SearchSpace Space, ParameterSet? Values);

    // 0: a score, the mean of the fresh runs where there are any, since the screening run selects and flatters.
    // 1: a guard is broken. 2: no score. Null: nothing has ended.
    private static (int Class, double Loss)? Rank(ResearchProblem problem, IReadOnlyList<Run> runs)
    {
        if (runs.Count == 0) return null;
        var (fresh, screening, broken) = ((Sum: 0.0, Count: 0), (Sum: 0.0, Count: 0), 0.0);
        foreach (var run in runs)
        {
            if (run.Result.Score(problem.Objective) is not { } score) continue;
            var loss = problem.Objective.ToLoss(score);
            if (run.Experiment.Purpose == RunPurpose.Screen) screening = (screening.Sum + loss, screening.Count + 1);
            else fresh = (fresh.Sum + loss, fresh.Count + 1);
            if (problem.Guards.Count > 0) broken = Math.Max(broken, problem.Guards.Sum(g => Excess(g, run.Result.Metrics)));
        }
        if (fresh.Count + screening.Count == 0) return (2, 0);
        return broken > 0 ? (1, broken) : (0, fresh.Count > 0 ? fresh.Sum / fresh.Count : screening.Sum / screening.Count);
    }

    // How far beyond its limit, relative to the limit, so that guards of different units can be added.
    private static double Excess(Guard guard, IReadOnlyDictionary<string, double> metrics)
    {
        if (guard.Violation(metrics) is null) return 0;
        if (!metrics.TryGetValue(guard.Metric, out var value) || !double.IsFinite(value)) return 1e6;
        var limit = value > guard.Max ? guard.Max.Value : guard.Min ?? 0;
        return Math.Max(Math.Abs(value - limit) / Math.Max(Math.Abs(limit), 1e-12), 1e-12);
    }
}
