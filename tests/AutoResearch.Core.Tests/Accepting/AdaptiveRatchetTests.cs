using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class AdaptiveRatchetTests
{
    private static readonly double[] s_baseline = [0.99, 1.01, 1.0, 0.995, 1.005];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static async Task<Verdict> JudgeAsync(Comparison comparison, AdaptiveRatchetOptions? options = null) =>
        await new AdaptiveRatchet(options).JudgeAsync(comparison, Stop);

    [Fact]
    public async Task JudgeAsync_NoiseNotMeasured_AsksForTheBaselineFirst()
    {
        var more = Assert.IsType<NeedMore>(await JudgeAsync(Comparisons.Of([0.99, 1.01], screen: 0.5)));
        Assert.Equal((Arm.Incumbent, 3), (more.Arm, more.Runs));
        Assert.Contains("2 of 5", more.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_ControlsCountAsRunsOfTheBaseline() =>
        Assert.IsType<Accept>(await JudgeAsync(Comparisons.Of([0.99, 1.01], screen: 0.5, controls: [1.0, 0.995, 1.005])));

    [Theory]
    [InlineData(0.5, "accept")]
    [InlineData(0.985, "more")]
    [InlineData(1.0, "reject")]
    [InlineData(1.5, "reject")]
    public async Task JudgeAsync_OneRun_DecidesWhenItIsClear(double screen, string expected)
    {
        var verdict = await JudgeAsync(Comparisons.Of(s_baseline, screen));
        Assert.Equal(expected, verdict switch { Accept => "accept", NeedMore => "more", _ => "reject" });
        Assert.Contains("better with probability", verdict.Reason, StringComparison.Ordinal);
        Assert.Contains("noise", verdict.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.985, 0.985, 0.985, 0.985, true)]
    [InlineData(0.985, 1.002, 1.001, 1.0, false)]
    public async Task JudgeAsync_CloseCall_EndsWithADecision(double a, double b, double c, double d, bool accepted)
    {
        double[] scores = [b, c, d, b, c, d, b, c, d, b, c, d, b];
        var (confirm, controls) = (new List<double>(), new List<double>());
        Verdict verdict;
        while ((verdict = await JudgeAsync(Comparisons.Of(s_baseline, a, [.. confirm], [.. controls]))) is NeedMore more)
            (more.Arm == Arm.Candidate ? confirm : controls).Add(more.Arm == Arm.Candidate ? scores[confirm.Count] : 1.0);
        Assert.Equal(accepted, verdict is Accept);
        Assert.InRange(confirm.Count + controls.Count + 1, 2, 12);
    }

    [Fact]
    public async Task JudgeAsync_MaxRuns_DecidesOnWhatIsKnown()
    {
        var verdict = await JudgeAsync(Comparisons.Of(s_baseline, 0.985, [0.985]), new() { MaxRuns = 2 });
        Assert.True(verdict.IsFinal);
    }

    [Fact]
    public async Task JudgeAsync_MaxRuns_CountsControlsToo()
    {
        Assert.IsType<NeedMore>(await JudgeAsync(Comparisons.Of(s_baseline, 0.985, controls: [1.0]), new() { MaxRuns = 3 }));
        Assert.True((await JudgeAsync(Comparisons.Of(s_baseline, 0.985, controls: [1.0]), new() { MaxRuns = 2 })).IsFinal);
    }

    [Fact]
    public async Task JudgeAsync_AnotherRun_SaysOfWhichArmAndWhatItIsWorth()
    {
        var candidate = await JudgeAsync(Comparisons.Of(s_baseline, 0.985));
        Assert.StartsWith("another run of the candidate is worth ", candidate.Reason, StringComparison.Ordinal);
        var incumbent = Assert.IsType<NeedMore>(await new Searches(s_baseline).Propose([1.03]).Rejected()
            .Propose([0.986, 0.99, 0.993, 0.988, 0.99]).JudgeAsync(new()));
        Assert.Equal(Arm.Incumbent, incumbent.Arm);
        Assert.StartsWith("another run of the incumbent is worth ", incumbent.Reason, StringComparison.Ordinal);
        Assert.True(incumbent.Statistics["run_value"] > incumbent.Statistics["run_price"]);
    }

    [Fact]
    public async Task JudgeAsync_SentinelDue_AsksForTheBaselineAndStatesTheDrift()
    {
        var more = Assert.IsType<NeedMore>(await JudgeAsync(Comparisons.Of(s_baseline, 0.985), new() { SentinelEvery = 1 }));
        Assert.Equal((Arm.Baseline, 1), (more.Arm, more.Runs));
        Assert.StartsWith("a sentinel is due: the drift is ", more.Reason, StringComparison.Ordinal);
        Assert.InRange(more.Statistics["drift_se"], 1e-6, 1e-3);
        Assert.InRange(more.Statistics["drift"], -1e-4, 1e-4);
    }

    [Fact]
    public async Task JudgeAsync_FailedRun_IsRejectedWithItsOutcome()
    {
        var comparison = Comparisons.Of(s_baseline, 0.5);
        var failed = comparison.Trial.Runs[0] with { Result = RunResult.Failure(RunOutcome.OutOfMemory, "12 GB asked for") };
        var verdict = await JudgeAsync(comparison with { Trial = comparison.Trial with { Runs = [failed] } });
        Assert.Contains("OutOfMemory: 12 GB", Assert.IsType<Reject>(verdict).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_ObjectiveMaximized_GainsAreRises()
    {
        var problem = Loops.Problem with { Objective = Objective.Maximize(Loops.Metric) };
        var verdict = Assert.IsType<Accept>(await JudgeAsync(Comparisons.Of(s_baseline, screen: 1.5, problem: problem)));
        Assert.InRange(verdict.Statistics["gain"], 0.4, 0.52);
        Assert.Equal(1.0, verdict.Statistics["incumbent"], 2);
        Assert.IsType<Reject>(await JudgeAsync(Comparisons.Of(s_baseline, screen: 0.5, problem: problem)));
    }

    [Theory]
    [InlineData(0.9, true)]
    [InlineData(1.0, false)]
    [InlineData(1.1, false)]
    public async Task JudgeAsync_MetricWithoutNoise_AnyDifferenceCounts(double screen, bool accepted) =>
        Assert.Equal(accepted, await JudgeAsync(Comparisons.Of([1, 1, 1, 1, 1], screen)) is Accept);

    [Fact]
    public async Task JudgeAsync_ASecondLoop_IsNotJudgedByTheFirst()
    {
        var ratchet = new AdaptiveRatchet();
        async Task<IReadOnlyList<string>> RunAsync(IRatchetAcceptor acceptor, int seed)
        {
            var world = new SimulatedObjective(1e-3, seed: seed);
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).AcceptWith(acceptor)
                .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (5, 0, 0)).Build();
            return [.. (await loop.RunAsync(60, Stop).ToListAsync()).Verdicts().Select(v => v.Reason)];
        }
        await RunAsync(ratchet, seed: 1);
        Assert.Equal(await RunAsync(new AdaptiveRatchet(), seed: 2), await RunAsync(ratchet, seed: 2));
    }

    [Fact]
    public async Task JudgeAsync_AfterAReversion_ComparesWithTheEarlierIncumbent()
    {
        var scores = new Queue<double>(s_baseline);
        var runner = Loops.Score(x => x == 0 ? scores.Dequeue() : 1 - (x / 10.0));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3, 4), runner)
            .AcceptWith(new AdaptiveRatchet(new() { SentinelEvery = 0 }))
            .Configure(o => o.BaselineRuns = 5).Build();
        Assert.All((await loop.RunAsync(maxExperiments: 8, Stop).ToListAsync()).Verdicts(), v => Assert.IsType<Accept>(v));
        await loop.RevertAsync(1, "ann", "2 and 3 overfit", Stop);
        await loop.RevertAsync(2, "ann", "3 alone did", Stop); // versions: 0 1 2 3 (4 = 1) (5 = 2)

        var verdict = Assert.Single((await loop.ResumeAsync(maxExperiments: 9, Stop).ToListAsync()).Verdicts());

        Assert.Equal(0.8, verdict.Statistics["incumbent"], 2);
        Assert.Equal(0.2, verdict.Statistics["gain"], 1);
    }

    [Fact]
    public async Task Search_LuckyAccept_DoesNotBecomeTheBar()
    {
        // Of two equal candidates the luckier is compared with what its parent made likely, not with its own score.
        var verdict = await JudgeAsync(Comparisons.Of(s_baseline, 0.98, [0.97, 0.98, 0.97]));
        Assert.InRange(Assert.IsType<Accept>(verdict).Statistics["gain"], 0.005, 0.0245);
    }
}
