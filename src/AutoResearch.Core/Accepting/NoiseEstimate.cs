namespace AutoResearch;

/// <summary>
/// The run-to-run noise of the objective, pooled over every candidate that was run more than once. Screening runs are left
/// out: they were selected for being good.
/// </summary>
/// <param name="Sigma">The standard deviation of one run, in the objective's unit; NaN while nothing was repeated.</param>
/// <param name="DegreesOfFreedom">Runs minus candidates; how well <paramref name="Sigma"/> is known.</param>
public sealed record NoiseEstimate(double Sigma, int DegreesOfFreedom)
{
    /// <summary>Nothing was repeated yet.</summary>
    public static NoiseEstimate Unknown { get; } = new(double.NaN, 0);

    /// <summary>True when something was repeated.</summary>
    public bool IsKnown => DegreesOfFreedom > 0;

    /// <summary>The estimate from all runs that a state holds.</summary>
    internal static NoiseEstimate Of(ResearchState state)
    {
        var noise = new NoiseAccumulator();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var run in state.BaselineRuns.Concat(state.Incumbent.Runs).Concat(state.Trials.SelectMany(t => t.Runs)))
        {
            if (seen.Add(run.Experiment.Id)) noise.Add(run, state.Problem.Objective);
        }
        return noise.Estimate;
    }
}
