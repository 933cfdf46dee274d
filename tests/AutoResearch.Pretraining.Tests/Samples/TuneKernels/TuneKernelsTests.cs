using AutoResearch.Kernels;
using AutoResearch.Samples.TuneKernels;
using AutoResearch.Testing;

namespace AutoResearch.Pretraining.Tests.Samples.TuneKernels;

/// <summary>The sample's parts under a clock that its workload drives, so that the truth is known.</summary>
public sealed class TuneKernelsTests
{
    private readonly TuningSpace _space = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly Random _random = new(11);

    [Fact]
    public async Task Loop_SettingsMatter_FindsThemAndTheFreshComparisonIsSure()
    {
        var setup = Setup(tuning => 1 + (0.2 * Math.Abs(Math.Log2(tuning.Depth / 640.0))));
        await using var loop = Loop(setup, trials: 30);
        await foreach (var _ in loop.RunAsync())
        {
        }

        var winner = _space.ToTuning(loop.History.State.Incumbent.Candidate.Parameters);
        Assert.InRange(winner.Depth, 480, 800);
        Assert.True(new FinalComparison(winner, _space.Defaults, setup).Run(FinalComparison.Rounds).IsFaster);
    }

    [Fact]
    public void FinalComparison_NoDifference_IsFasterAtMostOnceInForty()
    {
        var setup = Setup(_ => 1);
        var claims = Enumerable.Range(0, 400)
            .Count(_ => new FinalComparison(_space.Defaults with { Depth = 128 }, _space.Defaults, setup).Run(40).IsFaster);
        Assert.InRange(claims, 1, 18); // 1.9 % by the binomial distribution: 7.7 expected
    }

    [Fact]
    public void FinalComparison_MachineSlowsDownMeanwhile_SeesNoDifference()
    {
        var speed = 1.0;
        var setup = Setup(_ => speed *= 1.01);
        using var duel = new Duel(_space.Defaults, _space.Defaults, setup);
        duel.Run(40);
        Assert.InRange(duel.Overall.Median, 0.99, 1.01);
    }

    [Fact]
    public async Task Runner_ImpossibleBlock_IsAFailedExperimentNotAScore()
    {
        var candidate = new Candidate { Parameters = _space.Baseline.Parameters.With(ParameterSet.Of(("block_kb", 4096))) };
        var result = await new TuningRunner(_space,
            Setup(_ => 1)).RunAsync(new() { Id = "e", Candidate = candidate, Seed = 1, Budget = Budget.Unlimited });
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains("must not exceed", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Correctness_EveryTileOfTheMachine_AgreesWithTheDefinition()
    {
        var correctness = new Correctness();
        foreach (var tile in Enum.GetValues<GemmTile>().Where(CpuTuning.Supports))
        {
            using var backend =
                new CpuBackend(new() { Threads = 2, Tuning = new(tile, 4 * new CpuTuning(tile).TileRows, 96, 32, 64, 64, 32) });
            Assert.InRange(correctness.Difference(backend), 1e-9, Correctness.Tolerance);
        }
    }

    [Fact]
    public void Space_Baseline_IsTheDefaults()
    {
        Assert.Equal(_space.Defaults, _space.ToTuning(_space.Baseline.Parameters));
        foreach (var parameter in _space.Space.Parameters)
            Assert.True(_space.Baseline.Parameters.ContainsKey(parameter.Name), parameter.Name);
    }

    [Fact]
    public void Space_AnyPoint_IsPossible()
    {
        for (var seed = 0; seed < 500; seed++) _space.ToTuning(_space.Space.Sample(new Random(seed)));
    }

    [Theory]
    [InlineData("--minutes", "0")]
    [InlineData("--threads", "no")]
    [InlineData("--out")]
    [InlineData("--fast")]
    public void Options_Impossible_NamesTheArgument(params string[] args) =>
        Assert.Contains(args[0], Assert.Throws<ArgumentException>(() => Options.Parse(args)).Message, StringComparison.Ordinal);

    private ResearchLoop Loop(DuelSetup setup, int trials) => ResearchLoop.Create(new ResearchProblem("tune-test")
    {
        Objective = Objective.Minimize(TuningRunner.Metric),
        Baseline = _space.Baseline,
        SearchSpace = _space.Space,
    }).ProposeWith(new TpeProposer(new() { StartupTrials = 8 }))
        .RunWith(new TuningRunner(_space, setup)).AcceptWith(new AdaptiveRatchet())
        .WithSeed(3).Configure(o => (o.MaxTrials, o.FinalRuns) = (trials, 0)).Build();

    // A workload whose time is the given function of the settings, with 1 % of noise.
    private DuelSetup Setup(Func<CpuTuning, double> seconds) => new()
    {
        Threads = 1,
        Clock = _clock,
        Workloads = backend => [new Pretended(() =>
            _clock.Advance(TimeSpan.FromSeconds(seconds(backend.Tuning) * (1 + (0.02 * (_random.NextDouble() - 0.5))))))],
    };

    private sealed class Pretended(Action run) : Workload("pretended")
    {
        public override void Run() => run();

        public override void Dispose()
        {
        }
    }
}
