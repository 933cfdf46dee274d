namespace AutoResearch;

/// <summary>The fresh runs at the end that belong to the present incumbent, by arm.</summary>
internal sealed record FinalRuns(IReadOnlyList<Run> Candidate, IReadOnlyList<Run> Baseline)
{
    /// <summary>Runs of the final candidate that were started, those without a result among them.</summary>
    public int CandidatesStarted { get; private init; }

    /// <summary>Runs of the baseline that were started, those without a result among them.</summary>
    public int BaselinesStarted { get; private init; }

    /// <summary>Whether some have no result yet.</summary>
    public bool IsRunning => CandidatesStarted + BaselinesStarted > Candidate.Count + Baseline.Count;

    public static FinalRuns Of(ResearchHistory history)
    {
        var incumbent = history.State.Incumbent;
        var runs = history.FinalRuns.Where(r => r.Experiment.Trial == incumbent.Trial)
            .ToLookup(r => r.Experiment.Candidate.Id == incumbent.Candidate.Id);
        var open = history.Unfinished.Where(e => e.Purpose == RunPurpose.Final && e.Trial == incumbent.Trial)
            .ToLookup(e => e.Candidate.Id == incumbent.Candidate.Id);
        return new([.. runs[true].OrderBy(r => r.Experiment.Seed)], [.. runs[false].OrderBy(r => r.Experiment.Seed)])
        {
            CandidatesStarted = runs[true].Count() + open[true].Count(),
            BaselinesStarted = runs[false].Count() + open[false].Count(),
        };
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
