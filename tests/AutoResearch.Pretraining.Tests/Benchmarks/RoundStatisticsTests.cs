using AutoResearch.Benchmarks.Cpu;

namespace AutoResearch.Pretraining.Tests.Benchmarks;

public sealed class RoundStatisticsTests
{
    [Fact]
    public void Of_MachineSlowsDownBetweenRounds_RatioIsThatOfTheRounds()
    {
        // Twice as fast in most rounds, on a machine whose speed changes tenfold: the ratio of the medians would be 4.
        var s = RoundStatistics.Of([(20, 1), (10, 5), (100, 50)]);
        Assert.Equal((2, 2, 11, 3), (s.Ratio, s.LowRatio, s.HighRatio, s.Rounds));
        Assert.Equal((20, 5), (s.Ours, s.Theirs));
    }

    [Fact]
    public void Of_OneDisturbedRound_DoesNotMoveTheMedianButTheSpread()
    {
        var s = RoundStatistics.Of([(3, 1), (3, 1), (0.1, 1), (3.2, 1), (2.8, 1)]);
        Assert.Equal(3, s.Ratio);
        Assert.Equal((2.8, 3), (s.LowRatio, s.HighRatio));
    }

    [Fact]
    public void Of_NoRound_Throws() => Assert.Throws<ArgumentException>(() => RoundStatistics.Of([]));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 2.5)]
    [InlineData(0.25, 1.75)]
    [InlineData(1, 4)]
    public void Quantile_BetweenOrderStatistics_IsLinear(double share, double expected) =>
        Assert.Equal(expected, RoundStatistics.Quantile([4, 1, 3, 2], share), 12);
}
