namespace AutoResearch;

/// <summary>
/// What is believed about the incumbent's true loss: a normal distribution, with the run after which it was last measured.
/// </summary>
internal readonly record struct IncumbentBelief(double Mean, double Variance, int MeasuredAt)
{
    /// <summary>
    /// The mean time of the runs that it rests on, weighted as their losses are: from there a drift has moved the mean.
    /// </summary>
    public double Origin { get; init; } = MeasuredAt;

    /// <summary>Conditions on the loss of one more run with a variance.</summary>
    public IncumbentBelief Measure(double loss, double runVariance, int now)
    {
        var trust = Variance / (Variance + runVariance);
        return new(Mean + (trust * (loss - Mean)), (1 - trust) * Variance, now) { Origin = Origin + (trust * (now - Origin)) };
    }

    /// <summary>The belief <paramref name="now"/>, when the machine may have drifted since the last measurement.</summary>
    public IncumbentBelief At(int now, double driftVariance) =>
        this with { Variance = Variance + (driftVariance * Math.Max(0, now - MeasuredAt)), MeasuredAt = now };

    /// <summary>
    /// The belief after a trial: about the candidate if it was accepted, otherwise about the incumbent, which the trial's
    /// runs have also told something about. The candidate's score is weighed against what its parent and ideas in general
    /// made likely, so the winner of a selection does not pass on its luck.
    /// </summary>
    public IncumbentBelief AfterTrial(
        EffectMixture mixture, EffectBelief effect, double candidateLoss, double meanVariance, bool accepted, int now)
    {
        var (mean, square, gained) = (0.0, 0.0, 0.0);
        var posterior = effect.Posterior;
        for (var k = 0; k < posterior.Length; k++)
        {
            var (center, own) = (mixture.Centers[k], mixture.Variances[k]);
            var total = Variance + own + meanVariance;
            var surprise = candidateLoss - Mean - center;
            var prior = accepted ? Variance + own : Variance;
            var m = Mean + (accepted ? center : 0) + (prior / total * surprise);
            mean += posterior[k] * m;
            gained += posterior[k] * prior / total;
            square += posterior[k] * ((m * m) + prior - (prior * prior / total));
        }
        return new(mean, Math.Max(square - (mean * mean), 1e-12 * meanVariance), now)
        {
            Origin = Origin + (gained * (now - Origin)),
        };
    }
}
