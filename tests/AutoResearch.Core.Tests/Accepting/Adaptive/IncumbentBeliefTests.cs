namespace AutoResearch.Tests;

public sealed class IncumbentBeliefTests
{
    private static EffectMixture Mixture => new(sigma: 1, gainShare: 0.3, nullShare: 0.25, pseudoTrials: 80);

    [Fact]
    public void Measure_RunsOfOneVariance_AreAveraged()
    {
        var belief = new IncumbentBelief(3, 4, 10); // as after one run of variance 4
        belief = belief.Measure(6, 4, 20).Measure(9, 4, 60);
        Assert.Equal(6, belief.Mean, 12);
        Assert.Equal(4.0 / 3, belief.Variance, 12);
        Assert.Equal(60, belief.MeasuredAt);
        Assert.Equal(30, belief.Origin, 9); // the mean time of the three
    }

    [Fact]
    public void At_LaterRun_IsLessCertainByTheDriftSince()
    {
        var belief = new IncumbentBelief(3, 4, 10);
        var later = belief.At(30, 0.1);
        Assert.Equal((3, 6.0, 30, 10.0), (later.Mean, later.Variance, later.MeasuredAt, later.Origin));
        Assert.Equal(4.0, belief.At(5, 0.1).Variance); // never more certain
    }

    [Theory]
    [InlineData(-2.0)]
    [InlineData(0.7)]
    public void AfterTrial_Rejected_IsWhatTheRunsTellOfTheIncumbent(double loss)
    {
        var (mixture, belief, variance) = (Mixture, new IncumbentBelief(1, 0.5, 10), 0.8);
        var after = After(mixture, belief, loss, variance, accepted: false);
        // Given the incumbent's true loss, the candidate's differs by an effect and by noise.
        var (mean, spread) = Moments(l =>
            Quadrature.Normal(l, belief.Mean, belief.Variance) * mixture.Density(loss - l, variance));
        Assert.Equal(mean, after.Mean, 8);
        Assert.Equal(spread, after.Variance, 8);
    }

    [Theory]
    [InlineData(-2.0)]
    [InlineData(0.7)]
    public void AfterTrial_Accepted_IsWhatParentAndRunsTellOfTheCandidate(double loss)
    {
        var (mixture, belief, variance) = (Mixture, new IncumbentBelief(1, 0.5, 10), 0.8);
        var after = After(mixture, belief, loss, variance, accepted: true);
        // The candidate's true loss is the parent's and an effect; its runs measure it.
        var (mean, spread) = Moments(l =>
            mixture.Density(l - belief.Mean, belief.Variance) * Quadrature.Normal(loss, l, variance));
        Assert.Equal(mean, after.Mean, 8);
        Assert.Equal(spread, after.Variance, 8);
    }

    [Fact]
    public void AfterTrial_IdeasThatNeverDoAnything_AreRunsOfTheIncumbent()
    {
        var mixture = new EffectMixture(sigma: 1, gainShare: 1e-9, nullShare: 1 - 2e-9, pseudoTrials: 80);
        var belief = new IncumbentBelief(1, 0.5, 10);
        foreach (var accepted in (bool[])[false, true])
        {
            var (after, measured) = (After(mixture, belief, 2, 0.8, accepted), belief.Measure(2, 0.8, 50));
            Assert.Equal(measured.Mean, after.Mean, 6);
            Assert.Equal(measured.Variance, after.Variance, 6);
            Assert.Equal(measured.Origin, after.Origin, 5);
            Assert.Equal(50, after.MeasuredAt);
        }
    }

    private static IncumbentBelief After(
        EffectMixture mixture, IncumbentBelief belief, double loss, double variance, bool accepted) =>
        belief.AfterTrial(mixture, new EffectBelief(mixture).Update(loss - belief.Mean, belief.Variance + variance), loss,
            variance, accepted, now: 50);

    private static (double Mean, double Variance) Moments(Func<double, double> density)
    {
        double Integral(Func<double, double> f) => Quadrature.Integrate(-12, 14, x => f(x) * density(x));
        var total = Integral(_ => 1);
        var mean = Integral(x => x) / total;
        return (mean, Integral(x => (x - mean) * (x - mean)) / total);
    }
}
