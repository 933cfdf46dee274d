using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Drops kept changes that do nothing: once the claims are settled, those that speak against themselves are taken out together,
/// and the candidate without them becomes the incumbent if fresh pairs of runs show it to be no worse.
/// </summary>
internal static class Pruning
{
    private const int LeastPairs = 5;
    private const double Confidence = 0.9;

    /// <summary>The trial that is to be made; null when there is nothing to drop, or it was tried.</summary>
    public static Hypothesis? Next(ResearchHistory history)
    {
        int[] drops = [.. (history.Claims?.Claims ?? []).Where(c => c is { Status: ClaimStatus.Doubtful, IsAblation: true })
            .Select(c => c.Trial)];
        if (drops.Length == 0) return null;
        var incumbent = history.State.Incumbent.Candidate;
        var lineage = history.Lineage;
        int[] versions = [.. Enumerable.Range(1, lineage.Count - 1).Where(i => drops.Contains(lineage[i].Trial))];
        if (versions.Length == 0 || Ablation.Without(lineage, versions) is not { } pruned || pruned.Id == incumbent.Id)
            return null;
        if (history.Trials.Any(t =>
            t.Hypothesis.Drops is not null && t.Candidate?.Id == pruned.Id && t.Hypothesis.ParentId == incumbent.Id))
            return null;
        return new()
        {
            ParentId = incumbent.Id,
            Change = CombinedChange.Between(incumbent, pruned),
            Title = $"without the changes of trial{(drops.Length == 1 ? "" : "s")} {string.Join(", ", drops)}",
            Rationale = "Fresh runs with and without these changes speak against them.",
            Proposer = "ablation",
            Drops = drops,
            AllowRepeat = true,
        };
    }

    /// <summary>
    /// The verdict on a candidate without some changes: it is kept if it is worse by no more than the noise of one run, as far as
    /// the pairs can tell (non-inferiority at one-sided 90 %).
    /// </summary>
    public static Verdict Judge(ResearchHistory history, Trial trial)
    {
        var objective = history.Problem.Objective;
        // By seed: with several slots runs end in any order.
        double[] losses = [.. trial.Runs.Join(trial.Controls, r => r.Experiment.Seed, r => r.Experiment.Seed,
            (without, with) => (Without: without, With: with))
            .OrderBy(p => p.Without.Experiment.Seed)
            .Where(p => p.Without.Result.Score(objective) is not null && p.With.Result.Score(objective) is not null)
            .Select(p => objective.Gain(p.Without.Result.Score(objective)!.Value, p.With.Result.Score(objective)!.Value))];
        if (losses.Length < LeastPairs)
            return new Reject { Reason = $"only {losses.Length} of its pairs of runs have a score; it takes {LeastPairs}" };
        var sample = Sample.Of(losses);
        var most = sample.Mean + (sample.Variance > 0
            ? StudentT.Quantile(Confidence, losses.Length - 1) * Math.Sqrt(sample.Variance / losses.Length)
            : 0);
        var margin = history.State.Noise.IsKnown ? history.State.Noise.Sigma : 0;
        var statistics = new Dictionary<string, double> { ["gain"] = -sample.Mean, ["loss_at_most"] = most, ["margin"] = margin };
        var numbers = string.Create(CultureInfo.InvariantCulture,
            $"{-sample.Mean:G3} better without, in {losses.Length} pairs of runs; worse by at most {most:G3} ({Confidence:P0}), "
            + $"{margin:G3} is allowed");
        return most <= margin
            ? new Accept { Reason = $"no worse: {numbers}", Statistics = statistics }
            : new Reject { Reason = $"might be worse: {numbers}", Statistics = statistics };
    }
}
