using FsCheck.Fluent;

namespace AutoResearch.Tests;

public sealed class EffectBeliefTests
{
    private static EffectMixture Mixture => new(sigma: 1, gainShare: 0.08, nullShare: 0.25, pseudoTrials: 80);

    [Fact]
    public void Update_NoInformation_IsThePrior()
    {
        var belief = new EffectBelief(Mixture).Update(0, 1e12);
        Assert.Equal(0.08, belief.ProbabilityBetter, 2);
    }

    [Fact]
    public void Update_PreciseMeasurement_IsTheMeasurement()
    {
        var belief = new EffectBelief(Mixture).Update(-5, 1e-6);
        Assert.Equal(5, belief.ExpectedGain, 2);
        Assert.Equal(1, belief.ProbabilityBetter, 6);
    }

    [Fact]
    public void Update_FurtherThanAnyIdea_StaysANumber()
    {
        var belief = new EffectBelief(Mixture).Update(-1e5, 1e-4);
        Assert.Equal(1, belief.ExpectedGain / 1e5, 3);
        Assert.Equal(1, belief.ProbabilityBetter, 9);
        Assert.True(belief.Threshold(1e-9, 0.6) < 0);
    }

    [Fact]
    public void Update_OneNoisyRun_IsShrunk()
    {
        var belief = new EffectBelief(Mixture).Update(-2, 1);
        Assert.InRange(belief.ExpectedGain, 0.01, 1.9);
        Assert.InRange(belief.ProbabilityBetter, 0.1, 0.9);
    }

    [Theory]
    [InlineData(-2.5, 1.0)]
    [InlineData(0.5, 0.7)]
    public void Update_AnyMeasurement_IsThePosteriorByBayesRule(double difference, double variance)
    {
        var mixture = Mixture;
        // Effects of ideas: normal components, and one of exactly no effect.
        double Likelihood(double effect) => Quadrature.Normal(difference, effect, variance);
        double Prior(double effect) => mixture.Weights.Select((w, k) =>
            mixture.Variances[k] == 0 ? 0 : w * Quadrature.Normal(effect, mixture.Centers[k], mixture.Variances[k])).Sum();
        double Integral(Func<double, double> f, double from = -14, double to = 14) =>
            Quadrature.Integrate(from, to, e => f(e) * Prior(e) * Likelihood(e), 8000);
        var total = Integral(_ => 1) + (mixture.Weights[mixture.Weights.Length / 2] * Likelihood(0));
        var mean = Integral(e => e) / total;

        var belief = new EffectBelief(mixture).Update(difference, variance);

        Assert.Equal(-mean, belief.ExpectedGain, 6);
        Assert.Equal(Integral(_ => 1, to: 0) / total, belief.ProbabilityBetter, 5);
        Assert.Equal(Integral(e => -e, to: 0) / total, belief.PerfectGain, 5);
        Assert.Equal(Math.Sqrt((Integral(e => e * e) / total) - (mean * mean)), belief.Deviation, 6);
        Assert.Equal(1, belief.Posterior.ToArray().Sum(), 12);
    }

    [Theory]
    [InlineData(-1.5, 1.2, 0.6, -1.0)]
    [InlineData(0.4, 0.9, 0.2, -0.3)]
    public void GainAfter_AnyThreshold_IsTheMeanOverWhatMayBeMeasured(double now, double variance, double later, double threshold)
    {
        // What was measured is the later mean plus noise, so a later mean has the density: its own times that noise's.
        var mixture = Mixture;
        var expected = Quadrature.Integrate(-15, threshold,
            difference => new EffectBelief(mixture).Update(difference, later).ExpectedGain
                * mixture.Density(difference, later) * Quadrature.Normal(now, difference, variance - later), 1000)
            / mixture.Density(now, variance);

        Assert.Equal(expected, new EffectBelief(mixture).Update(now, variance).GainAfter(later, threshold), 4);
    }

    [Fact]
    public void GainAfter_NoMoreRuns_IsTheGainNow()
    {
        var belief = new EffectBelief(Mixture).Update(-2, 1);
        Assert.Equal(belief.ExpectedGain, belief.GainAfter(1, -1));
    }

    [Theory]
    [InlineData(0.6, 0.5)]
    [InlineData(0.95, 2)]
    [InlineData(0.0, 1)]
    public void Threshold_AnyProbability_SeparatesWhatWouldBeAccepted(double probability, double variance)
    {
        var threshold = new EffectBelief(Mixture).Update(0, 1).Threshold(variance, probability);
        bool Accepted(double difference) => new EffectBelief(Mixture).Update(difference, variance) is var b && b.ExpectedGain > 0
            && b.ProbabilityBetter >= probability;
        Assert.InRange(threshold, -12 * Math.Sqrt(variance), 0);
        Assert.True(Accepted(threshold - 1e-4));
        Assert.False(Accepted(threshold + 1e-4));
    }

    [Fact]
    public void GainAfter_DecidingNowIsNeverBetterThanDecidingLater() => Prop.ForAll(
        Gen.Choose(-600, 600).Select(i => i / 100.0).ToArbitrary(), Gen.Choose(5, 95).Select(i => i / 100.0).ToArbitrary(),
        (x, share) =>
        {
            var belief = new EffectBelief(Mixture).Update(x, 1);
            // With P(better) left aside the rule is to accept on a positive mean, and then information cannot hurt.
            var after = belief.GainAfter(share, belief.Threshold(share, probability: 0));
            return after >= Math.Max(0, belief.ExpectedGain) - 1e-3 && after <= belief.PerfectGain + 1e-3;
        }).Verify();
}
