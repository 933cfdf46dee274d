namespace AutoResearch.Pretraining.Tests;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.05, 0.5)]
    [InlineData(0.1, 1)]
    [InlineData(0.59, 1)]
    [InlineData(0.8, 0.6)]
    [InlineData(1, 0.2)]
    [InlineData(1.5, 0.2)]
    public void LearningRate_RisesStaysFalls(double progress, double expected) => Assert.Equal(expected,
        new Schedule(
            new TrainingOptions { WarmupRatio = 0.1, WarmdownRatio = 0.4, FinalLrFraction = 0.2 }).LearningRate(progress), 12);

    [Fact]
    public void LearningRate_WithoutRamps_IsAlwaysFull()
    {
        var schedule = new Schedule(new TrainingOptions { WarmupRatio = 0, WarmdownRatio = 0 });
        Assert.Equal([1, 1, 1], new[] { 0, 0.5, 1 }.Select(schedule.LearningRate));
    }

    [Theory]
    [InlineData(0, 0.85)]
    [InlineData(150, 0.9)]
    [InlineData(300, 0.95)]
    [InlineData(9999, 0.95)]
    public void Momentum_FollowsSteps(long step, double expected) =>
        Assert.Equal(expected, new Schedule(new TrainingOptions()).Momentum(step), 12);

    [Fact]
    public void WeightDecay_FallsToZero()
    {
        var schedule = new Schedule(new TrainingOptions { WeightDecay = 0.2 });
        Assert.Equal([0.2, 0.1, 0], new[] { 0, 0.5, 1 }.Select(schedule.WeightDecay));
    }
}
