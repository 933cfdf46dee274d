namespace AutoResearch.Tests;

public sealed class DriftEstimateTests
{
    private static readonly (double Rate, double Prior)[] s_rates =
        [(0, 0.996), (1e-3, 0.001), (4e-3, 0.001), (1.6e-2, 0.001), (6.4e-2, 0.001)];

    [Fact]
    public void Learn_Controls_AreWeighedByBayesRule()
    {
        // A control differs from the belief by the belief's error, its own noise and the drift since, all with known variances.
        (double Surprise, double Belief, double Run, int Runs)[] controls = [(2.5, 0.3, 1.5, 40), (-3, 0.2, 2, 25)];
        var weights = s_rates.Select(r => controls.Aggregate(r.Prior,
            (w, c) => w * Quadrature.Normal(c.Surprise, 0, c.Belief + c.Run + (r.Rate * c.Run * c.Runs)))).ToArray();
        var drift = new DriftEstimate();
        Assert.Equal(s_rates.Sum(r => r.Rate * r.Prior), drift.Rate, 12);

        foreach (var (surprise, belief, run, runs) in controls) drift.Learn(surprise, belief, run, runs);

        Assert.Equal(s_rates.Zip(weights, (r, w) => r.Rate * w).Sum() / weights.Sum(), drift.Rate, 12);
    }

    [Theory]
    [InlineData(1.0, 0)]
    [InlineData(0.0, 10)]
    [InlineData(double.NaN, 10)]
    public void Learn_ControlThatTellsNothing_IsLeftOut(double runVariance, int runs)
    {
        var drift = new DriftEstimate();
        var before = drift.Rate;
        drift.Learn(9, 0, runVariance, runs);
        Assert.Equal(before, drift.Rate);
    }

    [Fact]
    public void Learn_SurpriseBeyondAllNoise_IsTheFastestDrift()
    {
        var drift = new DriftEstimate();
        drift.Learn(1000, 0.1, 1, 100);
        Assert.Equal(6.4e-2, drift.Rate, 9);
    }

    [Fact]
    public void Learn_DriftingMachine_RateRises()
    {
        var drift = new DriftEstimate();
        for (var i = 0; i < 10; i++) drift.Learn(2.5, 0.1, 1, 100);
        Assert.True(drift.Rate > 0.01);
    }
}
