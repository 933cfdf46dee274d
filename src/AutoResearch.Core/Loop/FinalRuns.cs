namespace AutoResearch;

/// <summary>The fresh runs at the end that belong to the present incumbent, by arm.</summary>
internal sealed record FinalRuns(IReadOnlyList<Run> Candidate, IReadOnlyList<Run> Baseline)
{
    public static FinalRuns Of(ResearchHistory history)
    {
        var incumbent = history.State.Incumbent;
        var runs = history.FinalRuns.Where(r => r.Experiment.Trial == incumbent.Trial).ToLookup(r => r.Experiment.Candidate.Id == incumbent.Candidate.Id);
        return new([.. runs[true]], [.. runs[false]]);
    }

    /// <summary>Null when an arm has no score at all.</summary>
    public GainEstimate? Estimate(Objective objective, double confidence)
    {
        var (final, baseline) = (Sample.Of(Candidate, objective), Sample.Of(Baseline, objective));
        if (final.Count == 0 || baseline.Count == 0) return null;
        var gain = objective.Gain(baseline.Mean, final.Mean);
        var half = Sample.WelchHalfWidth(final, baseline, confidence);
        return new(gain, gain - half, gain + half, confidence, baseline.Mean, final.Mean, Math.Min(final.Count, baseline.Count));
    }
}
