namespace AutoResearch.Tests;

public sealed class EvidenceTests
{
    [Fact]
    public void Of_Comparison_ScoresSortedByUse()
    {
        var evidence = Evidence.Of(Comparisons.Of([1.0, 1.1], 0.9, [0.95, 0.96], [1.2]));
        Assert.Equal(0.9, evidence.Screening);
        Assert.Equal([0.95, 0.96], evidence.Candidate);
        Assert.Equal([1.0, 1.1, 1.2], evidence.Incumbent);
        Assert.Single(evidence.Controls);
    }

    [Fact]
    public void Noise_RepeatedRuns_PooledWithinCandidatesWithoutScreening()
    {
        var noise = Comparisons.Of([1.0, 1.2], 0.1, [0.5, 0.6], [1.1]).State.Noise;
        // Baseline and control {1.0, 1.2, 1.1}: Σ² = 0.02, 2 degrees of freedom; candidate {0.5, 0.6}: 0.005 and 1.
        Assert.Equal(3, noise.DegreesOfFreedom);
        Assert.Equal(Math.Sqrt(0.025 / 3), noise.Sigma, 12);
        Assert.False(NoiseEstimate.Unknown.IsKnown);
        Assert.False(Comparisons.Of([1.0], 0.9).State.Noise.IsKnown);
    }

    [Fact]
    public void Sigma_Arm_PooledNoiseShrunkTowardsItsOwnSpread()
    {
        var evidence = Evidence.Of(Comparisons.Of([1.0, 1.0], 0.9, noise: new(0.1, 100)));
        Assert.Equal(0.1, evidence.Sigma([5], priorRuns: 8), 12);
        Assert.Equal(Math.Sqrt(((8 * 0.01) + 2) / 9), evidence.Sigma([4, 6], priorRuns: 8), 12);
        var young = Evidence.Of(Comparisons.Of([1.0, 1.0], 0.9, noise: new(0.1, 2)));
        Assert.Equal(Math.Sqrt(((2 * 0.01) + 2) / 3), young.Sigma([4, 6], priorRuns: 8), 12); // it holds 2 runs' worth, not 8
        Assert.Equal(double.NaN, Evidence.Of(Comparisons.Of([1.0], 0.9)).Sigma([4, 6], 8));
    }

    [Fact]
    public void RejectUnsound_SoundRuns_IsNull() => Assert.Null(Evidence.RejectUnsound(Comparisons.Of([1.0], 0.9, [0.9])));
}
