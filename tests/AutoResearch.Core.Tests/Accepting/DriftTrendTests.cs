namespace AutoResearch.Tests;

public sealed class DriftTrendTests
{
    [Fact]
    public void With_PointsOfALine_FindsItsSlopeWhateverTheLevel()
    {
        var trend = default(DriftTrend);
        for (var run = 1; run <= 400; run += 20) trend = trend.With(run, 5 + (0.03 * run));
        Assert.True(trend.Drift(1).Variance > trend.Drift(0.01).Variance);
        Assert.Equal(0.03, trend.Drift(1).Slope, 3);
        Assert.Equal(381, trend.Last);
        Assert.Equal(0, default(DriftTrend).With(1, 7).Drift(1).Slope);
    }

    [Fact]
    public void With_DriftThatTurns_FollowsTheLatePart()
    {
        var trend = default(DriftTrend);
        for (var run = 0; run <= 2000; run += 20)
            trend = trend.With(run, run <= 1000 ? -0.02 * run : -20 + (0.02 * (run - 1000)));
        Assert.InRange(trend.Drift(1).Slope, 0.01, 0.025);
    }

    [Fact]
    public void Slope_FewNoisyRuns_IsDrawnToNone()
    {
        var random = new Random(2);
        var trend = default(DriftTrend);
        for (var run = 1; run <= 5; run++) trend = trend.With(run, random.NextDouble());
        Assert.InRange(trend.Drift(1).Slope, -0.003, 0.003);
    }

    [Theory]
    [InlineData(0.04)]
    [InlineData(1.0)]
    public void Drift_AnyRuns_IsTheRegressionWithAShareOfMachinesThatDrift(double runVariance)
    {
        (int Run, double Loss)[] runs = [(1, 5), (3, 5.3), (40, 4.2), (41, 5.1), (300, 3.0)];
        var trend = runs.Aggregate(default(DriftTrend), (t, r) => t.With(r.Run, r.Loss));
        // Weighted least squares, a run of 250 runs ago counting half; the level is free, and a slope has the prior
        // N(0, (0.02 σ)²) or is 0.
        var weights = runs.Select(r => Math.Pow(2, (r.Run - 300) / 250.0)).ToArray();
        double Mean(Func<(int Run, double Loss), double> of) => runs.Select((r, i) => weights[i] * of(r)).Sum() / weights.Sum();
        var (time, loss) = (Mean(r => r.Run), Mean(r => r.Loss));
        double Likelihood(double slope) => Math.Exp(
            -runs.Select((r, i) => weights[i] * Math.Pow(r.Loss - loss - (slope * (r.Run - time)), 2)).Sum() / (2 * runVariance));
        double Integral(Func<double, double> f) =>
            Quadrature.Integrate(-0.2, 0.2, b => f(b) * Likelihood(b) * Quadrature.Normal(b, 0, 0.0004 * runVariance), 20_000);
        var total = (0.25 * Integral(_ => 1)) + (0.75 * Likelihood(0));
        var slope = 0.25 * Integral(b => b) / total;

        var drift = trend.Drift(runVariance);

        Assert.Equal(slope, drift.Slope, 8);
        Assert.Equal((0.25 * Integral(b => b * b) / total) - (slope * slope), drift.Variance, 8);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(double.NaN)]
    public void Drift_NoiseUnknown_IsNone(double runVariance) =>
        Assert.Equal((0, 0), default(DriftTrend).With(1, 5).With(2, 9).Drift(runVariance));
}
