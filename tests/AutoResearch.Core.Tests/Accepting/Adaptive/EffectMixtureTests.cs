namespace AutoResearch.Tests;

public sealed class EffectMixtureTests
{
    private static EffectMixture Mixture => new(sigma: 2, gainShare: 0.08, nullShare: 0.25, pseudoTrials: 80);

    private static int None => Mixture.Weights.Length / 2;

    private static double Gains(EffectMixture mixture) => mixture.Weights[..None].Sum();

    [Fact]
    public void Constructor_Prior_HasTheSharesAndSmallEffectsAreCommoner()
    {
        var mixture = Mixture;
        Assert.Equal((0.08, 0.25, 1.0),
            (Math.Round(Gains(mixture), 12), Math.Round(mixture.Weights[None], 12), Math.Round(mixture.Weights.Sum(), 12)));
        Assert.Equal((0.0, 0.0), (mixture.Centers[None], mixture.Variances[None]));
        for (var k = 1; k <= None; k++)
        {
            // Scales are 0.3 σ, and each 1.5 times the one before; a quarter of the scale is the spread; the share
            // falls with its root.
            Assert.Equal(0.3 * 2 * Math.Pow(1.5, k - 1), mixture.Centers[None + k], 6);
            Assert.Equal(-mixture.Centers[None + k], mixture.Centers[None - k]);
            Assert.Equal(mixture.Centers[None + k] / 4, Math.Sqrt(mixture.Variances[None + k]), 9);
            Assert.Equal(mixture.Variances[None + k], mixture.Variances[None - k]);
            if (k == 1) continue;
            Assert.Equal(Math.Sqrt(1.5), mixture.Weights[None + k - 1] / mixture.Weights[None + k], 9);
            Assert.Equal(Math.Sqrt(1.5), mixture.Weights[None - k + 1] / mixture.Weights[None - k], 9);
        }
        Assert.InRange(mixture.Centers[^1], 2e4 / 1.5, 2e4);
    }

    [Fact]
    public void LogLikelihoods_AnyDifference_AreThoseOfNormalDistributions()
    {
        var mixture = Mixture;
        var logs = new double[mixture.Weights.Length];
        mixture.LogLikelihoods(-1.7, 0.5, logs);
        var expected =
            logs.Select((_, k) => Math.Log(Quadrature.Normal(-1.7, mixture.Centers[k], mixture.Variances[k] + 0.5))).ToArray();
        // A common constant is left out
        for (var k = None - 3; k < None + 3; k++) Assert.Equal(expected[k] - expected[None], logs[k] - logs[None], 9);
    }

    [Fact]
    public void Learn_OneTrial_TwoStepsOfExpectationMaximization()
    {
        var mixture = Mixture;
        var prior = mixture.Weights.Select(w => 80 * w).ToArray();
        var likelihood = mixture.Centers.Select((c, k) => Quadrature.Normal(-3, c, mixture.Variances[k] + 1)).ToArray();
        var weights = mixture.Weights.ToArray();
        for (var step = 0; step < 2; step++)
        {
            var total = weights.Zip(likelihood, (w, l) => w * l).Sum();
            weights = [.. prior.Select((p, k) => (p + (weights[k] * likelihood[k] / total)) / 81)];
        }

        mixture.Learn(-3, 1);

        for (var k = 0; k < weights.Length; k++) Assert.Equal(weights[k], mixture.Weights[k], 12);
    }

    [Fact]
    public void Learn_FurtherThanAnyIdea_IsAGainOfTheLargestSize()
    {
        var mixture = Mixture;
        mixture.Learn(-1e6, 1e-4);
        Assert.Equal((6.4 + 1) / 81, Gains(mixture), 9);
        Assert.Equal(1, mixture.Weights.Sum(), 12);
    }

    [Fact]
    public void Learn_ManyGains_RaisesTheirShare()
    {
        var mixture = Mixture;
        for (var i = 0; i < 300; i++) mixture.Learn(i % 2 == 0 ? -16 : 8, 4);
        Assert.InRange(Gains(mixture), 0.35, 0.5);
        Assert.Equal(1, mixture.Weights.Sum(), 9);
    }

    [Fact]
    public void Learn_MoreTrialsThanTheWindowHolds_EveryOneCounts()
    {
        var mixture = Mixture;
        for (var i = 0; i < 420; i++) mixture.Learn(-20, 1); // certainly gains
        Assert.Equal((6.4 + 420) / 500, Gains(mixture), 6);
    }

    [Fact]
    public void LearnCensored_StoppedRuns_CountAsProbableHarms()
    {
        var (stopped, none) = (Mixture, Mixture.Weights[None]);
        for (var i = 0; i < 40; i++) stopped.LearnCensored();
        Assert.InRange(Gains(stopped), 0.05, 0.0534); // 6.4 of 120 if none of them is one
        Assert.InRange(stopped.Weights[None], none * 0.75, none); // equal chances to be behind or not
        Assert.Equal(1, stopped.Weights.Sum(), 9);
    }
}
