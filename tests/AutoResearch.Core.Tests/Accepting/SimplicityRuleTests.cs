using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class SimplicityRuleTests
{
    private static readonly string s_long = string.Concat(Enumerable.Range(0, 40).Select(i => $"step{i}()\n"));
    private static readonly string s_short = string.Concat(Enumerable.Range(0, 20).Select(i => $"step{i}()\n"));
    private static readonly double[] s_quiet = [0.1, -0.1, 0.12, -0.12, 0.08, -0.08, 0.1, -0.1];

    /// <summary>A loop over one change whose runs score <paramref name="gain"/> better than 10, with a noise of about 0.1.</summary>
    private static async Task<Verdict> JudgeAsync(string before, string after, double gain, IRatchetAcceptor? inner = null, int trials = 1)
    {
        var problem = new ResearchProblem("toy") { Objective = Objective.Minimize("loss"), Baseline = new Candidate { Source = new SourceTree([new("train.py", before)]) } };
        var counts = new Dictionary<string, int>();
        var runner = ScriptedRunner.Score("loss", e =>
        {
            var n = counts[e.Candidate.Id] = counts.GetValueOrDefault(e.Candidate.Id) + 1;
            return 10 - (e.Candidate.Id == problem.Baseline.Id ? 0 : gain) + s_quiet[n % s_quiet.Length];
        });
        var proposer = new ScriptedProposer(s => s.NextTrial > trials ? null : Chats.Idea("x", new SourceChange([new WriteFile("train.py", after)]), s.Incumbent.Candidate));
        var events = await Loops.Build(proposer, runner, problem: problem).AcceptWith(new SimplicityRule(inner ?? new GreedyRatchet(0.005)))
            .Configure(o => o.BaselineRuns = 8).Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
        return events.Verdicts()[^1];
    }

    [Fact]
    public async Task JudgeAsync_EqualWithLessCode_IsKept()
    {
        var verdict = await JudgeAsync(s_long, s_short, 0);

        Assert.Contains("as good with 20 fewer lines", Assert.IsType<Accept>(verdict).Reason, StringComparison.Ordinal);
        Assert.Equal((20, 0, 20), (verdict.Statistics["lines_removed"], verdict.Statistics["lines_added"], verdict.Statistics["complexity"]));
    }

    [Fact]
    public async Task JudgeAsync_WorseWithLessCode_IsNot() => Assert.IsType<Reject>(await JudgeAsync(s_long, s_short, -0.3));

    [Fact]
    public async Task JudgeAsync_EqualWithTheSameCode_IsNot() => Assert.IsType<Reject>(await JudgeAsync(s_long, s_long.Replace("step3()", "step99()", StringComparison.Ordinal), -0.01));

    [Fact]
    public async Task JudgeAsync_TinyGainWithMuchMoreCode_IsNotKept()
    {
        var inner = new Always(0.01);

        Assert.Contains("does not pay for 20 more lines", Assert.IsType<Reject>(await JudgeAsync(s_short, s_long, 0.01, inner)).Reason, StringComparison.Ordinal);
        Assert.IsType<Accept>(await JudgeAsync(s_short, s_long, 1, new Always(1)));
        Assert.IsType<Accept>(await JudgeAsync(s_short, s_short + "a()\nb()\n", 0.01, inner));
    }

    [Fact]
    public async Task JudgeAsync_CommentsOnly_AreNoLessCode() => Assert.IsType<Reject>(await JudgeAsync("# a\n# b\n" + s_long, s_long, -0.05));

    private sealed class Always(double gain) : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Verdict>(new Accept { Reason = "better", Statistics = new Dictionary<string, double> { ["gain"] = gain } });
    }
}
