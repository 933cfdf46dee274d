using System.Globalization;

namespace AutoResearch;

/// <summary>
/// The rule of karpathy/autoresearch: one run, and a candidate that is strictly better than the best score so far is kept.
/// Costs one run an idea and finds much while the noise is far below the gains; but the bar is the luckiest draw so far, so
/// it reports more than is true, keeps changes that do nothing, and stalls where noise and gains are alike.
/// </summary>
public sealed class GreedyRatchet : IRatchetAcceptor
{
    /// <summary>Creates the rule.</summary>
    /// <param name="minGain">By how much a candidate must be better, in the objective's unit; it must be more than
    /// this. Default 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minGain"/> is negative or not finite.</exception>
    public GreedyRatchet(double minGain = 0)
    {
        if (!double.IsFinite(minGain) || minGain < 0)
            throw new ArgumentOutOfRangeException(nameof(minGain), minGain,
                "The minimal gain must be 0 or more, in the objective's unit.");
        MinGain = minGain;
    }

    /// <summary>By how much a candidate must be better, in the objective's unit.</summary>
    public double MinGain { get; }

    /// <inheritdoc/>
    public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        return ValueTask.FromResult(Judge(comparison));
    }

    private Verdict Judge(Comparison comparison)
    {
        if (Evidence.RejectUnsound(comparison) is { } unsound) return unsound;
        var objective = comparison.Problem.Objective;
        if (Best(comparison.Incumbent.Runs, objective) is not { } best)
            return new NeedMore(Arm.Incumbent) { Reason = "the incumbent has no score yet" };
        var score = Best(comparison.Trial.Runs, objective)!.Value;
        var gain = objective.Gain(best, score);
        var statistics = new Dictionary<string, double> { ["gain"] = gain, ["score"] = score, ["best"] = best };
        var numbers = string.Create(CultureInfo.InvariantCulture,
            $"{score:G6} against the best so far, {best:G6}: gain {gain:G4}");
        if (gain > MinGain) return new Accept { Reason = $"better in one run: {numbers}", Statistics = statistics };
        var needed = MinGain > 0 ? string.Create(CultureInfo.InvariantCulture, $", more than {MinGain:G4} is needed") : "";
        return new Reject { Reason = $"not better: {numbers}{needed}", Statistics = statistics };
    }

    private static double? Best(IReadOnlyList<Run> runs, Objective objective)
    {
        double? best = null;
        foreach (var run in runs)
        {
            if (run.Result.Score(objective) is { } score && (best is null || objective.IsBetter(score, best.Value))) best = score;
        }
        return best;
    }
}
