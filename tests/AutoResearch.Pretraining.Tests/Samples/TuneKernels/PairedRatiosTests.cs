using AutoResearch.Samples.TuneKernels;

namespace AutoResearch.Pretraining.Tests.Samples.TuneKernels;

public sealed class PairedRatiosTests
{
    [Fact]
    public void Median_DisturbedRound_IsNotMoved()
    {
        var ratios = new PairedRatios();
        foreach (var (time, control) in ((double, double)[])[(9, 10), (0.9, 1), (90, 100), (500, 1), (88, 100)])
            ratios.Add(time, control);
        Assert.Equal(0.9, ratios.Median, 12);
    }

    [Theory]
    [InlineData(6, 1, 6)] // six rounds: the extremes, 1 − 2/64
    [InlineData(9, 2, 8)]
    [InlineData(20, 6, 15)] // the usual table of sign-test intervals
    [InlineData(40, 14, 27)]
    public void Interval_Rounds_TakesTheOrderStatisticsOfTheSignTest(int rounds, double low, double high)
    {
        var ratios = new PairedRatios();
        for (var i = rounds; i >= 1; i--) ratios.Add(i, 1);
        Assert.Equal(low, ratios.Interval().Low, 9);
        Assert.Equal(high, ratios.Interval().High, 9);
    }

    [Fact]
    public void Interval_NoDifference_HoldsOneInAboutNineteenOfTwenty()
    {
        var random = new Random(5);
        var holds = 0;
        for (var repeat = 0; repeat < 1000; repeat++)
        {
            var ratios = new PairedRatios();
            for (var i = 0; i < 30; i++) ratios.Add(Math.Exp(random.NextDouble() - 0.5), 1);
            if (ratios.Interval() is { Low: <= 1, High: >= 1 }) holds++;
        }

        Assert.InRange(holds, 935, 985); // 95.7 % by the binomial distribution
    }

    [Fact]
    public void Interval_FiveRounds_AreTooFew()
    {
        var ratios = new PairedRatios();
        for (var i = 0; i < 5; i++) ratios.Add(1, 1);
        Assert.Throws<InvalidOperationException>(() => ratios.Interval());
    }

    [Fact]
    public void Add_NoTime_Throws() => Assert.Throws<ArgumentException>(() => new PairedRatios().Add(0, 1));
}
