using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class AdaptiveMemoryTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0.9, 0.5, 1.0)]
    [InlineData(0.0, 0.0, 0.08)]
    public async Task TryRead_Search_LearnsHowOftenIdeasHelp(double gainShare, double least, double most)
    {
        var (memory, state) = await SearchAsync(new SimulatedObjective(1e-3, new EffectDistribution(gainShare, 0, 0.008, 0.001, 0.008)));
        Assert.True(memory.TryRead(state));
        var learned = Enumerable.Range(0, memory.Effects.Centers.Length).Where(k => memory.Effects.Centers[k] < 0).Sum(k => memory.Effects.Weights[k]);
        Assert.InRange(learned, least, most);
    }

    [Fact]
    public async Task TryRead_Search_PriceFollowsWhatRunsFound()
    {
        var (rich, richState) = await SearchAsync(new SimulatedObjective(1e-3, new EffectDistribution(0.9, 0, 0.008, 0.001, 0.008)));
        var (poor, poorState) = await SearchAsync(new SimulatedObjective(1e-3, new EffectDistribution(0, 0, 0, 0, 0.008)));
        Assert.True(rich.TryRead(richState) && poor.TryRead(poorState));
        Assert.True(rich.Price > 100 * poor.Price);
        Assert.True(poor.Price > 0);
    }

    [Fact]
    public async Task TryRead_AnotherHistory_IsRefused()
    {
        var (memory, state) = await SearchAsync(new SimulatedObjective(1e-3, seed: 1));
        var (_, other) = await SearchAsync(new SimulatedObjective(1e-3, seed: 2));
        Assert.True(memory.TryRead(state));
        Assert.False(memory.TryRead(other));
    }

    private static async Task<(AdaptiveMemory Memory, ResearchState State)> SearchAsync(SimulatedObjective world)
    {
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (5, 0, 0)).Build();
        await loop.RunAsync(120, Stop).ToListAsync();
        var state = loop.History.State;
        return (new(FirstRuns.Of(state, state.Trials[0], 5), state.Problem.Objective, new()), state);
    }
}
