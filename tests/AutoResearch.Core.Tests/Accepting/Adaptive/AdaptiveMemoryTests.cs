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
        var (memory, state) = await SearchAsync(
            new SimulatedObjective(1e-3, new EffectDistribution(gainShare, 0, 0.008, 0.001, 0.008)));
        Assert.True(memory.TryRead(state));
        var learned = Enumerable.Range(0, memory.Effects.Centers.Length).Where(k => memory.Effects.Centers[k] < 0)
            .Sum(k => memory.Effects.Weights[k]);
        Assert.InRange(learned, least, most);
    }

    [Fact]
    public async Task TryRead_Search_PriceFollowsWhatRunsFound()
    {
        var (rich, richState) = await SearchAsync(
            new SimulatedObjective(1e-3, new EffectDistribution(0.9, 0, 0.008, 0.001, 0.008)));
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

    [Fact]
    public async Task TryRead_NothingNew_IsTheSameHistory()
    {
        var (memory, state) = await SearchAsync(new SimulatedObjective(1e-3, seed: 1));
        Assert.True(memory.TryRead(state));
        Assert.True(memory.TryRead(state));
    }

    [Theory]
    [InlineData(1000, 1e-6)]
    [InlineData(-1000, 1e-6)]
    [InlineData(0, 1e-18)]
    public void Sigma_MetricWithoutNoise_IsABillionthOfItsSize(double level, double expected) =>
        Assert.Equal(1, Memory(new Searches(level, level, level, level, level).Propose([level])).Sigma / expected, 9);

    [Fact]
    public void Price_Begin_IsTheGainOfAnAverageSearchWithPatience()
    {
        // 0.6 % of the noise a run, over 30 runs that are assumed beside the five, times 0.3 while no gain was found.
        var sigma = Sample.Of(s_baseline).Variance;
        Assert.Equal(0.3 * 0.006 * Math.Sqrt(sigma) * 30 / 35, Memory(new Searches(s_baseline).Propose([1])).Price, 15);
    }

    [Fact]
    public void Price_GainFound_IsSharedByTheRunsAndAskedForMoreEagerly()
    {
        var search = new Searches(s_baseline).Propose([0.9]);
        var memory = Memory(search, new() { SentinelEvery = 0 });
        var gain = memory.Look(search.Last).Effect.ExpectedGain;
        Assert.InRange(gain, 0.05, 0.1);

        Assert.True(memory.TryRead(search.Accepted().State));

        var begin = 0.006 * Math.Sqrt(Sample.Of(s_baseline).Variance) * 30;
        Assert.Equal((0.3 + (1.2 / 11)) * (begin + gain) / 36, memory.Price, 8);
    }

    [Fact]
    public void TryRead_StoppedRun_IsAProbableHarmAndACrashSaysNothing()
    {
        double Gains(RunOutcome outcome)
        {
            var search = new Searches(s_baseline);
            search.Propose([1])
                .With(t => t with { Runs = [t.Runs[0] with { Result = RunResult.Failure(outcome, "no") }] }).Rejected();
            var memory = Memory(search);
            return memory.Effects.Weights.Where((_, k) => memory.Effects.Centers[k] < 0).Sum();
        }
        Assert.Equal(0.08, Gains(RunOutcome.Crashed), 12);
        Assert.InRange(Gains(RunOutcome.Stopped), 0.0790, 0.0799);
    }

    [Fact]
    public void TryRead_TrialWithoutACandidate_ChangesNothing()
    {
        var (search, other) = (new Searches(s_baseline).Propose([1.02]).Rejected(),
            new Searches(s_baseline).Propose([1.02]).Rejected());
        other.Propose([9]).With(t => t with { Candidate = null }).Rejected();
        Assert.Equal(Memory(search).Price, Memory(other).Price);
    }

    [Theory]
    [InlineData(10, 10)]
    [InlineData(1, 1)]
    public void NeedsSentinel_EverySoManyRuns_CountsAllKindsOfRuns(int every, int expected)
    {
        Assert.Equal(expected, RunsToSentinel(new Searches(s_baseline), new() { SentinelEvery = every }));
        if (every == 10)
            Assert.Equal(6,
                RunsToSentinel(new Searches(s_baseline).Propose([1, 1], [1.01, 1]).Rejected(), new() { SentinelEvery = every }));
    }

    [Fact]
    public void NeedsSentinel_Never_IsNotAsked() =>
        Assert.Equal(200, RunsToSentinel(new Searches(s_baseline), new() { SentinelEvery = 0 }));

    [Fact]
    public void NeedsSentinel_ByWhatIsKnown_OftenWhereItDriftsAndSeldomWhereItDoesNot()
    {
        var begin = RunsToSentinel(new Searches(s_baseline));
        var (steady, drifting) = (new Searches(s_baseline), new Searches(s_baseline));
        for (var i = 0; i < 40; i++)
        {
            steady.Propose([1.02], sentinels: [i % 2 == 0 ? 1.005 : 0.995]).Rejected();
            drifting.Propose([1.02], sentinels: [1 + (0.002 * i)]).Rejected();
        }
        Assert.InRange(begin, 20, 60);
        Assert.Equal((80 - 1, 15 - 1), (RunsToSentinel(steady), RunsToSentinel(drifting))); // one run was made since the last
    }

    private static readonly double[] s_baseline = [0.99, 1.01, 1.0, 0.995, 1.005];

    private static AdaptiveMemory Memory(Searches search, AdaptiveRatchetOptions? options = null)
    {
        var memory = new AdaptiveMemory(FirstRuns.Of(search.State, search.Last, 5), search.State.Problem.Objective,
            options ?? new());
        Assert.True(memory.TryRead(search.State));
        return memory;
    }

    /// <summary>How many runs of the next trial there are before a sentinel is due; 200 at most.</summary>
    private static int RunsToSentinel(Searches search, AdaptiveRatchetOptions? options = null)
    {
        var memory = Memory(search.Propose([]), options);
        var runs = 0;
        while (runs < 200 && !memory.NeedsSentinel(new Searches().Propose([.. Enumerable.Repeat(1.0, runs)]).Last)) runs++;
        return runs;
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
