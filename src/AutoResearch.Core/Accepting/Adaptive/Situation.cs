namespace AutoResearch;

/// <summary>A pending trial in numbers: what is believed, what deciding now is worth, and what more runs would add.</summary>
internal sealed class Situation
{
    // Runs of the candidate and of the incumbent to think about; more follow by asking again.
    private static readonly (int Candidate, int Incumbent)[] s_options = [(1, 0), (0, 1), (2, 0), (1, 1)];

    private readonly double _candidateVariance;
    private readonly double _incumbentVariance;

    public Situation(
        EffectMixture effects, IncumbentBelief incumbent, double[] candidate, int controls, double candidateVariance,
        double incumbentVariance)
    {
        (_candidateVariance, _incumbentVariance) = (candidateVariance, incumbentVariance);
        (Incumbent, CandidateRuns, Controls) = (incumbent, candidate.Length, controls);
        CandidateMean = Sample.Of(candidate).Mean;
        Effect = new EffectBelief(effects).Update(CandidateMean - incumbent.Mean, Variance(0, 0));
    }

    public IncumbentBelief Incumbent { get; }

    public EffectBelief Effect { get; }

    public double CandidateMean { get; }

    public int CandidateRuns { get; }

    public int Controls { get; }

    /// <summary>Whether the candidate would be accepted now.</summary>
    public bool IsBetter(double probability) => Effect.ExpectedGain > 0 && Effect.ProbabilityBetter >= probability;

    /// <summary>
    /// The runs whose expected gain, after paying their price, is the largest; null when none is worth its price. The value
    /// is per run (one-stage lookahead: Frazier, Powell, Dayanik 2008, "A knowledge-gradient policy").
    /// </summary>
    public (Arm Arm, int Runs, double Value)? NextRuns(double probability, double price)
    {
        var now = IsBetter(probability) ? Effect.ExpectedGain : 0;
        if (Effect.PerfectGain - now <= price) return null;
        (Arm, int, double)? best = null;
        var most = price;
        foreach (var (candidate, incumbent) in s_options)
        {
            var variance = Variance(candidate, incumbent);
            var value = (Effect.GainAfter(variance, Effect.Threshold(variance, probability)) - now) / (candidate + incumbent);
            if (!(value > most)) continue;
            most = value;
            best = candidate > 0 ? (Arm.Candidate, candidate, value) : (Arm.Incumbent, incumbent, value);
        }
        return best;
    }

    /// <summary>The variance of the difference of the arms after some more runs.</summary>
    private double Variance(int candidate, int incumbent) =>
        (1 / ((1 / Incumbent.Variance) + (incumbent / _incumbentVariance))) + (_candidateVariance / (CandidateRuns + candidate));
}
