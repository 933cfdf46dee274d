namespace AutoResearch;

/// <summary>
/// The scores of a comparison, sorted by what they may be used for. The screening score selects, so it is optimistic and is
/// kept apart; the fresh scores are those of all other runs.
/// </summary>
public sealed class Evidence
{
    private Evidence(Comparison comparison)
    {
        var objective = comparison.Problem.Objective;
        Objective = objective;
        Noise = comparison.State.Noise;
        Screening = comparison.Trial.Runs.FirstOrDefault(r => r.Experiment.Purpose == RunPurpose.Screen)?.Result.Score(objective);
        Candidate = FreshScores(comparison.Trial.Runs, objective);
        Incumbent = FreshScores(comparison.Incumbent.Runs, objective);
        Controls = comparison.Trial.Controls;
    }

    /// <summary>The objective.</summary>
    public Objective Objective { get; }

    /// <summary>The candidate's screening score; null when it has none.</summary>
    public double? Screening { get; }

    /// <summary>Scores of the candidate's fresh runs, in order.</summary>
    public IReadOnlyList<double> Candidate { get; }

    /// <summary>Scores of the incumbent's fresh runs, in order: as baseline, when it was confirmed, and as control.</summary>
    public IReadOnlyList<double> Incumbent { get; }

    /// <summary>The controls that were run during this trial, whatever their outcome, in order.</summary>
    public IReadOnlyList<Run> Controls { get; }

    /// <summary>The run-to-run noise, pooled over the whole history.</summary>
    public NoiseEstimate Noise { get; }

    /// <summary>The evidence of a comparison.</summary>
    public static Evidence Of(Comparison comparison)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        return new(comparison);
    }

    /// <summary>
    /// The verdict on a candidate that failed or broke a guard, the same for every acceptor: a <see cref="Reject"/> that
    /// names the outcome or the limit. Null when all its runs are sound.
    /// </summary>
    public static Reject? RejectUnsound(Comparison comparison)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        foreach (var run in comparison.Trial.Runs)
        {
            if (run.Result.Score(comparison.Problem.Objective) is null)
                return new() { Reason = $"{Kind(run)} ended as {run.Result.Outcome}: {run.Result.Message ?? "no message"}" };
            foreach (var guard in comparison.Problem.Guards)
            {
                if (guard.Violation(run.Result.Metrics) is { } violation)
                    return new() { Reason = $"{Kind(run)} broke a limit: {violation}" };
            }
        }
        return null;
    }

    /// <summary>
    /// The runs that an acceptor is shown: those that were neither changed on their way nor made on a disturbed machine; all of
    /// them while there is no such run.
    /// </summary>
    internal static IReadOnlyList<Run> Sound(IReadOnlyList<Run> runs)
    {
        var all = true;
        foreach (var run in runs) all &= IsSound(run);
        if (all) return runs;
        Run[] sound = [.. runs.Where(IsSound)];
        return sound.Length == 0 ? runs : sound;
    }

    /// <summary>
    /// An accept that rests on runs that were changed on their way, or disturbed, asks for a run without that first; when a
    /// second one is like the first, nothing can be said of the candidate itself.
    /// </summary>
    internal static Verdict RequireSound(Trial trial, Accept accept)
    {
        var runs = Sound(trial.Runs);
        if (IsSound(runs[0])) return accept;
        var why = runs[0].Result.IsIntervened
            ? "a run that was helped on its way"
            : $"a disturbed run ({runs[0].Result.Contention})";
        return runs.Count <= 2
            ? new NeedMore(Arm.Candidate)
            {
                Reason = $"it was good in {why}; it has to be so without: {accept.Reason}",
                Statistics = accept.Statistics,
            }
            : new Indecisive
            {
                Reason = FormattableString.Invariant(
                    $"all {runs.Count} runs of it are like {why}, which says nothing of the candidate alone"),
                Statistics = accept.Statistics,
            };
    }

    private static bool IsSound(Run run) =>
        !run.Result.IsIntervened && (run.Result.Contention is null || run.Result.Outcome != RunOutcome.Completed);

    /// <summary>
    /// The standard deviation of one run of an arm: the pooled noise, corrected by the spread of the arm's own scores as far
    /// as they reach. NaN while no noise is known.
    /// </summary>
    /// <param name="scores">The arm's fresh scores.</param>
    /// <param name="priorRuns">How many runs' worth of trust the pooled noise has, e.g. 8; the pool never counts for more
    /// than it holds.</param>
    public double Sigma(IReadOnlyList<double> scores, double priorRuns)
    {
        var own = Sample.Of([.. scores]);
        var weight = Math.Min(priorRuns, Noise.DegreesOfFreedom);
        var ownWeight = Math.Max(0, own.Count - 1);
        return Noise.IsKnown
            ? Math.Sqrt(((weight * Noise.Sigma * Noise.Sigma) + own.Squares) / (weight + ownWeight))
            : double.NaN;
    }

    private static string Kind(Run run) =>
        run.Experiment.Purpose == RunPurpose.Screen ? "the screening run" : $"the confirming run {run.Experiment.Id}";

    private static IReadOnlyList<double> FreshScores(IReadOnlyList<Run> runs, Objective objective) =>
        [.. runs.Where(r => r.Experiment.Purpose != RunPurpose.Screen).Select(r => r.Result.Score(objective)).OfType<double>()];
}
