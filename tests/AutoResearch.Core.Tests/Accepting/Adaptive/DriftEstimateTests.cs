namespace AutoResearch.Tests;

public sealed class DriftEstimateTests
{
    [Fact]
    public void Learn_SteadyMachine_RateFalls()
    {
        var drift = new DriftEstimate();
        var before = drift.Rate;
        for (var i = 0; i < 20; i++) drift.Learn(i % 2 == 0 ? 0.5 : -0.5, 0.1, 1, 20);
        Assert.InRange(drift.Rate, 0, before);
    }

    [Fact]
    public void Learn_DriftingMachine_RateRises()
    {
        var drift = new DriftEstimate();
        for (var i = 0; i < 10; i++) drift.Learn(2.5, 0.1, 1, 100);
        Assert.True(drift.Rate > 0.01);
    }
}
