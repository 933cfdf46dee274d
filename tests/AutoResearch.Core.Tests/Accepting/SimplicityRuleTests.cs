using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class SimplicityRuleTests
{
    private static readonly string s_long = string.Concat(Enumerable.Range(0, 40).Select(i => $"step{i}()\n"));
    private static readonly string s_short = string.Concat(Enumerable.Range(0, 20).Select(i => $"step{i}()\n"));
    private static readonly double[] s_quiet = [0.1, -0.1, 0.12, -0.12, 0.08, -0.08, 0.1, -0.1];

    /// <summary>
    /// A loop over one change whose runs score <paramref name="gain"/> better than 10, with a noise of about 0.1.
    /// </summary>
    private static async Task<Verdict> JudgeAsync(
        string before, string after, double gain, IRatchetAcceptor? inner = null, int trials = 1)
    {
        var problem = new ResearchProblem("toy")
        {
            Objective = Objective.Minimize("loss"),
            Baseline = new Candidate { Source = new SourceTree([new("train.py", before)]) },
        };
        var counts = new Dictionary<string, int>();
        var runner = ScriptedRunner.Score("loss", e =>
        {
            var n = counts[e.Candidate.Id] = counts.GetValueOrDefault(e.Candidate.Id) + 1;
            return 10 - (e.Candidate.Id == problem.Baseline.Id ? 0 : gain) + s_quiet[n % s_quiet.Length];
        });
        var proposer = new ScriptedProposer(s => s.NextTrial > trials
            ? null
            : Chats.Idea("x", new SourceChange([new WriteFile("train.py", after)]), s.Incumbent.Candidate));
        var events = await Loops.Build(proposer, runner, problem: problem)
            .AcceptWith(new SimplicityRule(inner ?? new GreedyRatchet(0.005)))
            .Configure(o => o.BaselineRuns = 8).Build()
            .RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
        return events.Verdicts()[^1];
    }

    [Fact]
    public async Task JudgeAsync_EqualWithLessCode_IsKept()
    {
        var verdict = await JudgeAsync(s_long, s_short, 0);

        Assert.Contains("as good with 20 fewer lines", Assert.IsType<Accept>(verdict).Reason, StringComparison.Ordinal);
        Assert.Equal((20, 0, 20),
            (verdict.Statistics["lines_removed"], verdict.Statistics["lines_added"], verdict.Statistics["complexity"]));
    }

    [Fact]
    public async Task JudgeAsync_WorseWithLessCode_IsNot() => Assert.IsType<Reject>(await JudgeAsync(s_long, s_short, -0.3));

    [Fact]
    public async Task JudgeAsync_EqualWithTheSameCode_IsNot() =>
        Assert.IsType<Reject>(await JudgeAsync(s_long, s_long.Replace("step3()", "step99()", StringComparison.Ordinal), -0.01));

    [Fact]
    public async Task JudgeAsync_TinyGainWithMuchMoreCode_IsNotKept()
    {
        var inner = new Always(0.01);

        Assert.Contains("does not pay for 20 more lines",
            Assert.IsType<Reject>(await JudgeAsync(s_short, s_long, 0.01, inner)).Reason, StringComparison.Ordinal);
        Assert.IsType<Accept>(await JudgeAsync(s_short, s_long, 1, new Always(1)));
        Assert.IsType<Accept>(await JudgeAsync(s_short, s_short + "a()\nb()\n", 0.01, inner));
    }

    [Fact]
    public async Task JudgeAsync_CommentsOnly_AreNoLessCode() =>
        Assert.IsType<Reject>(await JudgeAsync("# a\n# b\n" + s_long, s_long, -0.05));

    [Theory]
    [InlineData(25, 5.0, true)] // 20 lines that are not free, at a quarter each
    [InlineData(25, 4.99, false)]
    [InlineData(5, -1.0, true)] // five lines are free, whatever the inner acceptor thinks of them
    [InlineData(6, 0.2, false)]
    public async Task JudgeAsync_MoreLines_HaveToPayForThemselves(int lines, double gain, bool kept)
    {
        var verdict = await RuleAsync(Growing(lines), new() { SigmasPerLine = 0.5 }, new Always(gain),
            new NoiseEstimate(0.5, 100));
        Assert.Equal(kept, verdict is Accept);
        Assert.Equal(kept ? 0 : (lines - 5) * 0.25, verdict.Statistics.GetValueOrDefault("price"));
        Assert.Equal(lines, verdict.Statistics["lines_added"]);
    }

    [Fact]
    public async Task JudgeAsync_NoiseUnknown_PricesAndSparesNothing()
    {
        Assert.IsType<Accept>(await RuleAsync(Growing(25), null, new Always(1e-9), NoiseEstimate.Unknown));
        Assert.IsType<Reject>(await RuleAsync(Shrinking([1, 1]), null, null, NoiseEstimate.Unknown));
        Assert.IsType<Reject>(await RuleAsync(Shrinking([1, 1]), null, null, new(0.1, 1)));
        Assert.IsType<NeedMore>(await RuleAsync(Shrinking([1, 1]), null, null, new(0.1, 2)));
    }

    [Theory]
    [InlineData(1.25, null, Arm.Candidate, "one screening that is not much worse")]
    [InlineData(1.31, null, null, "three standard deviations worse: no")]
    [InlineData(1.25, "1", Arm.Candidate, "two runs at least")]
    [InlineData(1.25, "1.05 1.05", Arm.Candidate, "a little worse: more, of the arm with fewer runs")]
    [InlineData(1.25, "1.05 1.05 1.05", Arm.Incumbent, "a little worse: more, of the arm with fewer runs")]
    [InlineData(1.25, "1.2 1.2", null, "worse by more than the margin")]
    public async Task JudgeAsync_FewerLines_AreTestedUntilItIsClear(double screen, string? confirm, Arm? asked, string why)
    {
        double[] runs = [.. (confirm ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(c => double.Parse(c, System.Globalization.CultureInfo.InvariantCulture))];
        var verdict = await RuleAsync(Shrinking([0.9, 1.1], screen, runs));
        Assert.True(asked == (verdict as NeedMore)?.Arm && (asked is not null || verdict is Reject), $"{why}: {verdict}");
        if (asked is not null) Assert.Equal("20 fewer lines and parameters: is it as good, within 0.1?", verdict.Reason);
    }

    [Fact]
    public async Task JudgeAsync_IncumbentRanOnceOrNever_IsRunAgain()
    {
        Assert.Equal(Arm.Incumbent, Assert.IsType<NeedMore>(await RuleAsync(Shrinking([1], confirm: [1, 1]))).Arm);
        Assert.Equal(Arm.Candidate, Assert.IsType<NeedMore>(await RuleAsync(Shrinking([]))).Arm);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task JudgeAsync_NotShownToBeEqual_EndsAfterSoManyRunsOfBoth(int most, bool goesOn) =>
        Assert.Equal(goesOn,
            await RuleAsync(Shrinking([0.9, 1.1], confirm: [1.05, 1.05]), new() { MaxRunsPerArm = most }) is NeedMore);

    [Fact]
    public async Task JudgeAsync_AsGoodWithLess_StatesGainErrorMarginAndWhatMayBeLost()
    {
        var better = Assert.IsType<Accept>(await RuleAsync(Shrinking([0.9, 1.1], confirm: [0.8, 1.0, 0.9])));
        Assert.Equal((0.1, 0.1 * Math.Sqrt(5 / 6.0), 0.1, 0.0), Numbers(better), Near);
        Assert.Contains("as good with 20 fewer lines and parameters: gain 0.1, above ", better.Reason, StringComparison.Ordinal);
        Assert.EndsWith("-0.1 is allowed", better.Reason, StringComparison.Ordinal);
        double[] many = [.. Enumerable.Repeat(1.0, 8)];
        var equal = Assert.IsType<Accept>(await RuleAsync(Shrinking(many, confirm: [.. many.Select(m => m + 0.01)])));
        Assert.Equal((-0.01, 0.05, 0.1, -0.01), Numbers(equal), Near);
    }

    [Theory]
    [InlineData(-0.02, 0.06)]
    [InlineData(0.5, 0.1)] // a gain is no credit
    [InlineData(-0.05, 0.0)]
    public async Task JudgeAsync_RowOfSuchKeeps_GivesAwayNoMoreThanOneMargin(double each, double margin)
    {
        var comparison = Shrinking([0.9, 1.1], confirm: [0.8, 1.0, 0.9]);
        var earlier = new Accept { Reason = "as good", Statistics = new Dictionary<string, double> { ["simpler_gain"] = each } };
        Trial[] trials = [comparison.Trial with { Verdict = earlier }, comparison.Trial with { Number = 2, Verdict = earlier },
            comparison.Trial with { Number = 3 }];
        var verdict = await RuleAsync(comparison with
        {
            State = new(comparison.Problem, comparison.Incumbent, trials, 0) { Noise = comparison.State.Noise },
        });
        if (margin == 0) Assert.IsType<Reject>(verdict);
        else Assert.Equal(margin, verdict.Statistics["margin"], 12);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public async Task JudgeAsync_LeastRemoved_CountsFromThere(int least, bool tested)
    {
        var comparison = Shrinking([1, 1], confirm: [0.9, 0.9], lines: 1);
        Assert.Equal(tested, await RuleAsync(comparison, new() { LeastRemoved = least }) is Accept);
    }

    [Fact]
    public async Task JudgeAsync_FailedRun_IsNotSparedForBeingShort()
    {
        var comparison = Shrinking([1, 1], confirm: [0.9, 0.9]);
        var failed = comparison.Trial.Runs[0] with { Result = RunResult.Failure(RunOutcome.Crashed, "no") };
        Assert.IsType<Reject>(await RuleAsync(
            comparison with { Trial = comparison.Trial with { Runs = [failed, .. comparison.Trial.Runs.Skip(1)] } }));
    }

    private static IEqualityComparer<(double, double, double, double)> Near =>
        EqualityComparer<(double, double, double, double)>.Create((a, b) =>
            Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) + Math.Abs(a.Item3 - b.Item3)
                + Math.Abs(a.Item4 - b.Item4) < 1e-9);

    private static (double, double, double, double) Numbers(Verdict verdict) =>
        (verdict.Statistics["gain"], verdict.Statistics["se"], verdict.Statistics["margin"], verdict.Statistics["simpler_gain"]);

    private static Candidate Source(int lines) => new()
    {
        Source = new SourceTree([new("train.py", string.Concat(Enumerable.Range(0, lines).Select(i => $"step{i}()\n")))]),
    };

    private static Comparison Growing(int lines) => Between(Source(10), Source(10 + lines), Comparisons.Of([1, 1], 0.5));

    /// <summary>A candidate with less code whose screening is <paramref name="screen"/>; the noise of a run is 0.1.</summary>
    private static Comparison Shrinking(double[] incumbent, double screen = 1, double[]? confirm = null, int lines = 20) =>
        Between(Source(40), Source(40 - lines), Comparisons.Of(incumbent, screen, confirm, noise: new(0.1, 1000)));

    private static Comparison Between(Candidate before, Candidate after, Comparison comparison) =>
        comparison with
        {
            Trial = comparison.Trial with { Candidate = after },
            Incumbent = comparison.Incumbent with { Candidate = before },
        };

    private static async Task<Verdict> RuleAsync(
        Comparison comparison, SimplicityOptions? options = null, IRatchetAcceptor? inner = null, NoiseEstimate? noise = null)
    {
        if (noise is not null)
            comparison = comparison with
            {
                State = new(comparison.Problem, comparison.Incumbent, [comparison.Trial], 0) { Noise = noise },
            };
        return await new SimplicityRule(inner ?? new Never(), options).JudgeAsync(comparison,
            TestContext.Current.CancellationToken);
    }

    private sealed class Never : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Verdict>(new Reject { Reason = "not better" });
    }

    private sealed class Always(double gain) : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Verdict>(
                new Accept { Reason = "better", Statistics = new Dictionary<string, double> { ["gain"] = gain } });
    }
}
