namespace AutoResearch;

/// <summary>
/// What TPE learns from: the points that were tried, best first. A feasible score ranks before a broken guard, a broken
/// guard before a failure, and a trial that is still running counts as bad, so that parallel trials keep apart.
/// </summary>
internal sealed class TpeObservations
{
    private TpeObservations(IReadOnlyList<ParameterSet> good, IReadOnlyList<ParameterSet> bad, int scored) => (Good, Bad, Scored) = (good, bad, scored);

    /// <summary>The best points, in the order in which they were tried.</summary>
    public IReadOnlyList<ParameterSet> Good { get; }

    /// <summary>All other points, in the order in which they were tried.</summary>
    public IReadOnlyList<ParameterSet> Bad { get; }

    /// <summary>How many of them have a score.</summary>
    public int Scored { get; }

    public static TpeObservations Of(ResearchState state, SearchSpace space, TpeOptions options)
    {
        var ended = new List<(ParameterSet Point, int Class, double Loss, int Order)>();
        var bad = new List<(ParameterSet Point, int Order)>();
        if (Rank(state.Problem, state.BaselineRuns) is { } baseline) Add(state.Problem.Baseline, baseline, 0);
        foreach (var trial in state.Trials)
        {
            if (trial.Candidate is null) continue;
            if (Rank(state.Problem, trial.Runs) is { } rank) Add(trial.Candidate, rank, trial.Number);
            else if (trial.IsPending && space.Contains(trial.Candidate.Parameters)) bad.Add((space.Normalize(trial.Candidate.Parameters), trial.Number));
        }

        var goodCount = Math.Min((int)Math.Ceiling(options.GoodShare * ended.Count), options.MaxGood);
        var ranked = ended.OrderBy(o => o.Class).ThenBy(o => o.Loss).ThenBy(o => o.Order).ToList();
        // A failure is nothing to imitate, even among the best tenth.
        var good = ranked.Take(goodCount).Where(o => o.Class < 2).OrderBy(o => o.Order).Select(o => o.Point).ToList();
        bad.AddRange(ranked.Skip(good.Count).Select(o => (o.Point, o.Order)));
        return new(good, [.. bad.OrderBy(o => o.Order).Select(o => o.Point)], ended.Count(o => o.Class < 2));

        void Add(Candidate candidate, (int Class, double Loss) rank, int order)
        {
            if (space.Contains(candidate.Parameters)) ended.Add((space.Normalize(candidate.Parameters), rank.Class, rank.Loss, order));
        }
    }

    // 0: a score, the mean of the fresh runs where there are any, since the screening run selects and flatters.
    // 1: a guard is broken. 2: no score. Null: nothing has ended.
    private static (int Class, double Loss)? Rank(ResearchProblem problem, IReadOnlyList<Run> runs)
    {
        if (runs.Count == 0) return null;
        var scored = runs.Where(r => r.Result.Score(problem.Objective) is not null).ToList();
        if (scored.Count == 0) return (2, 0);
        var fresh = scored.Where(r => r.Experiment.Purpose != RunPurpose.Screen).ToList();
        var loss = (fresh.Count > 0 ? fresh : scored).Average(r => problem.Objective.ToLoss(r.Result.Score(problem.Objective)!.Value));
        var broken = scored.Max(r => problem.Guards.Sum(g => Excess(g, r.Result.Metrics)));
        return broken > 0 ? (1, broken) : (0, loss);
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
