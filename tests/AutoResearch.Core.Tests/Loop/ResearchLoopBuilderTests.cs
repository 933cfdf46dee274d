using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ResearchLoopBuilderTests
{
    private static ResearchLoopBuilder Complete() => ResearchLoop.Create(Loops.Problem)
        .ProposeWith(ScriptedProposer.Counting("x")).RunWith(Loops.Score(x => x));

    [Fact]
    public void Build_PartMissing_NamesTheMethodToCall()
    {
        Assert.Contains("ProposeWith", Assert.Throws<InvalidOperationException>(
            () => ResearchLoop.Create(Loops.Problem).RunWith(Loops.Score(x => x)).Build()).Message, StringComparison.Ordinal);
        Assert.Contains("RunWith", Assert.Throws<InvalidOperationException>(
            () => ResearchLoop.Create(Loops.Problem).ProposeWith(ScriptedProposer.Counting("x")).Build()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Build_Twice_IsRefused()
    {
        var builder = Complete();
        builder.Build();
        Assert.Contains("has built its loop", Assert.Throws<InvalidOperationException>(() => builder.Build()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Create_BudgetOfZero_NamesTheValue() => Assert.Contains("Budget.Training is 00:00:00",
        Assert.Throws<ArgumentException>(
            () => ResearchLoop.Create(Loops.Problem with { Budget = new Budget { Training = TimeSpan.Zero } })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Create_ProblemWithHoles_NamesThem()
    {
        Assert.Contains("Objective is null", Assert.Throws<ArgumentException>(
            () => ResearchLoop.Create(Loops.Problem with { Objective = null! })).Message, StringComparison.Ordinal);
        Assert.Contains("Baseline is null", Assert.Throws<ArgumentException>(
            () => ResearchLoop.Create(Loops.Problem with { Baseline = null! })).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, Action<ResearchLoopOptions>> Nonsense => new()
    {
        { "BaselineRuns is 0", o => o.BaselineRuns = 0 },
        { "MaxExperiments is 0", o => o.MaxExperiments = 0 },
        { "MaxTrials is -1", o => o.MaxTrials = -1 },
        { "MaxTime is 00:00:00", o => o.MaxTime = TimeSpan.Zero },
        { "MaxMoney is 0", o => o.MaxMoney = 0 },
        { "PlateauTrials is 0", o => o.PlateauTrials = 0 },
        { "FinalRuns is -1", o => o.FinalRuns = -1 },
        { "Confidence is 95", o => o.Confidence = 95 },
        { "MaxRunsPerTrial is 0", o => o.MaxRunsPerTrial = 0 },
        { "MaxTrialsWithoutRun is 0", o => o.MaxTrialsWithoutRun = 0 },
        { "MaxInfrastructureRetries is -1", o => o.MaxInfrastructureRetries = -1 },
        { "MaxProposalRetries is -1", o => o.MaxProposalRetries = -1 },
        { "RetryDelay is -00:00:01", o => o.RetryDelay = TimeSpan.FromSeconds(-1) },
        { "MaxRetryDelay is 00:00:00", o => o.MaxRetryDelay = TimeSpan.Zero },
        { "CancellationGrace is 00:00:00", o => o.CancellationGrace = TimeSpan.Zero },
        { "MeasurementBuffer is 0", o => o.MeasurementBuffer = 0 },
    };

    [Theory]
    [MemberData(nameof(Nonsense), DisableDiscoveryEnumeration = true)]
    public void Build_NonsenseOption_NamesItAndItsValue(string expected, Action<ResearchLoopOptions> configure) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => Complete().Configure(configure).Build()).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public async Task RunAsync_NoExperiments_IsRefusedAtOnce(int maxExperiments)
    {
        await using var loop = Complete().Build();
        Assert.Throws<ArgumentOutOfRangeException>(() => loop.RunAsync(maxExperiments, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Build_Defaults_AdaptiveRatchetAndClaimsInMemory()
    {
        await using var loop = ResearchLoop.Create(Loops.Problem).ProposeWith(ScriptedProposer.Values("x", 1))
            .RunWith(Loops.Score(x => 1 - x)).Build();
        await loop.RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
        Assert.Equal(3, loop.History.BaselineRuns.Count);
        var trial = loop.History.Trials[0];
        Assert.Equal((1, 2), (trial.Runs.Count, trial.Controls.Count)); // five runs of the baseline are needed to know the noise
        Assert.Contains("better with probability", Assert.IsType<Accept>(trial.Verdict).Reason, StringComparison.Ordinal);
        Assert.Equal(ClaimStatus.Confirmed, Assert.Single(loop.History.Claims!.Claims).Status);
        Assert.Equal(1, loop.History.Gain!.Gain);
        Assert.Equal(3, loop.History.Gain.RunsPerArm);
    }

    [Fact]
    public async Task History_BeforeTheFirstRun_IsEmpty()
    {
        await using var loop = Complete().Build();
        Assert.True(loop.History.IsEmpty);
    }

    [Fact]
    public void Create_BaselineOutsideTheSearchSpace_NamesTheParameter()
    {
        var problem = new ResearchProblem("test")
        {
            Objective = Objective.Minimize("loss"),
            Baseline = Candidate.Of(("depth", 9)),
            SearchSpace = new SearchSpace().Int("depth", 1, 8),
        };
        var e = Assert.Throws<ArgumentException>(() => ResearchLoop.Create(problem));
        Assert.Contains("depth = 9", e.Message, StringComparison.Ordinal);
    }
}
