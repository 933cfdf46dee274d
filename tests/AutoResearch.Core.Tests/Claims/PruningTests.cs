using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class PruningTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static double Noise(Experiment e) =>
        0.01 * Math.Sin((e.Seed % 1000) + e.Candidate.Parameters.Values.Sum(v => v.AsInteger()));

    private static Hypothesis Set(ResearchState state, string name, int value) => new()
    {
        ParentId = state.Incumbent.Candidate.Id, Change = ParameterChange.Of((name, value)), Title = $"{name} = {value}",
    };

    /// <summary>
    /// Keeps a (a gain of 1), b (which screened well by luck and harms by <paramref name="harm"/>) and c (a gain of 1).
    /// </summary>
    private static async Task<ResearchHistory> RunAsync(
        double harm, IJournal? journal = null, FaultInjector? faults = null, double? harmInClaims = null)
    {
        faults ??= new();
        double Loss(Experiment e)
        {
            var p = e.Candidate.Parameters;
            var luck = e.Purpose == RunPurpose.Screen && e.Trial == 2 ? -1 : 0;
            return 10 - p["a"].AsInteger() - p["c"].AsInteger()
                + ((e.Purpose == RunPurpose.Claim ? harmInClaims ?? harm : harm) * p["b"].AsInteger()) + luck + Noise(e);
        }

        var proposer = new ScriptedProposer(s =>
            s.NextTrial switch { 1 => Set(s, "a", 1), 2 => Set(s, "b", 1), 3 => Set(s, "c", 1), _ => null });
        var problem = Loops.Problem with { Baseline = Candidate.Of(("a", 0), ("b", 0), ("c", 0)) };
        var builder = ResearchLoop.Create(problem).ProposeWith(faults.Wrap((IHypothesisProposer)proposer))
            .RunWith(faults.Wrap(ScriptedRunner.Score(Loops.Metric, Loss)))
            .AcceptWith(new LuckyAcceptor())
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.RetryDelay, o.MaxInfrastructureRetries,
                o.MaxProposalRetries) = (3, 6, 2, TimeSpan.Zero, 0, 0))
            .RecordTo(faults.Wrap(journal ?? new RecordingJournal())).WithTimeProvider(new FakeTimeProvider()).Resume();
        await using var loop = builder.Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        return loop.History;
    }

    /// <summary>Believes the first run, as greedy rules do.</summary>
    private sealed class LuckyAcceptor : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default) =>
            new(new Accept { Reason = "lucky" });
    }

    [Fact]
    public async Task Close_ChangeThatDoesHarm_IsDroppedAndTheOthersStand()
    {
        var history = await RunAsync(harm: 0.05);
        Assert.Equal([ClaimStatus.Confirmed, ClaimStatus.Dropped, ClaimStatus.Confirmed],
            history.Claims!.Claims.Select(c => c.Status));
        var final = history.State.Incumbent.Candidate.Parameters;
        Assert.Equal((1L, 0L, 1L), (final["a"].AsInteger(), final["b"].AsInteger(), final["c"].AsInteger()));
        var trial = history.Trials[^1];
        Assert.Equal([2], trial.Hypothesis.Drops!);
        Assert.Contains("no worse", Assert.IsType<Accept>(trial.Verdict).Reason, StringComparison.Ordinal);
        Assert.Equal((6, 6), (trial.Runs.Count, trial.Controls.Count));
        Assert.All(trial.Runs.Zip(trial.Controls), p => Assert.Equal(p.First.Experiment.Seed, p.Second.Experiment.Seed));
        Assert.Equal(2, history.Gain!.Gain, 1); // measured again for the candidate without it
        Assert.Equal(StopReason.Exhausted, history.Stop!.Reason);
        var claim = history.Claims.Claims[0];
        var (low, high) = claim.Interval(0.95)!.Value;
        Assert.True(low < 1 && 1 < high && high - low < 0.1, $"{low} … {high}");
    }

    [Fact]
    public async Task Close_EveryChangeHelps_NothingIsDropped()
    {
        var history = await RunAsync(harm: -0.05);
        Assert.All(history.Claims!.Claims, c => Assert.Equal(ClaimStatus.Confirmed, c.Status));
        Assert.Equal(3, history.Trials.Count);
    }

    [Fact]
    public async Task Close_ChangeThatOnlySeemedToDoHarm_StaysWhenTheCandidateIsWorseWithoutIt()
    {
        var history = await RunAsync(harm: -0.05, harmInClaims: 0.05);
        Assert.Equal([ClaimStatus.Confirmed, ClaimStatus.Doubtful, ClaimStatus.Confirmed],
            history.Claims!.Claims.Select(c => c.Status));
        Assert.Contains("might be worse", Assert.IsType<Reject>(history.Trials[^1].Verdict).Reason, StringComparison.Ordinal);
        Assert.Equal(1, history.State.Incumbent.Candidate.Parameters["b"].AsInteger());
        Assert.NotNull(history.Gain);
    }

    [Fact]
    public async Task Close_AllThatWasKeptIsDropped_EndsWithTheBaselineAndNothingToMeasure()
    {
        var proposer = new ScriptedProposer(s => s.NextTrial == 1 ? Set(s, "x", 1) : null);
        var runner = ScriptedRunner.Score(Loops.Metric, e => (e.Purpose == RunPurpose.Screen ? 0 : 10 + Loops.X(e)) + Noise(e));
        await using var loop = Loops.Build(proposer, runner)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (3, 6, 2)).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(Loops.Problem.Baseline.Id, loop.History.State.Incumbent.Candidate.Id);
        Assert.Equal(2, loop.History.State.Incumbent.Version);
        Assert.Empty(loop.History.FinalRuns);
        Assert.Contains("did not hold", new ResearchReport(loop.History).Headline, StringComparison.Ordinal);
        // Going on after it changes nothing, and proposes from the baseline.
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Empty(loop.History.FinalRuns);
    }

    [Fact]
    public async Task Close_KilledAtEveryPoint_DropsTheSame()
    {
        var whole = new RecordingJournal();
        var count = new FaultInjector();
        await RunAsync(0.05, whole, count);
        for (var point = count.Points / 2; point <= count.Points; point += 3)
        {
            var broken = new RecordingJournal();
            await Assert.ThrowsAnyAsync<Exception>(() => RunAsync(0.05, broken, new FaultInjector(point)));
            var resumed = await RunAsync(0.05, new RecordingJournal(broken.Events));
            Assert.Equal(whole.History.State.Incumbent.Candidate.Id, resumed.State.Incumbent.Candidate.Id);
            Assert.Equal(whole.History.Trials.Count, resumed.Trials.Count);
            Assert.Equal(whole.History.Trials[^1].Verdict!.Reason, resumed.Trials[^1].Verdict!.Reason);
            Assert.Equal(whole.History.Gain, resumed.Gain);
        }
    }

    [Fact]
    public void Without_SourceChange_IsTakenOutBelowLaterOnes()
    {
        static Incumbent Version(int n, string text) =>
            new() { Candidate = new() { Source = new SourceTree([new("t.py", text)]) }, Runs = [], Version = n, Trial = n };
        Incumbent[] lineage =
            [Version(0, "a\nb\nc\nd\ne"), Version(1, "A\nb\nc\nd\ne"), Version(2, "A\nb\nC\nd\ne"), Version(3, "A\nb\nC\nd\nE")];
        Assert.Equal("a\nb\nC\nd\nE", Ablation.Without(lineage, 1)!.Source!["t.py"]);
        Assert.Equal("A\nb\nc\nd\nE", Ablation.Without(lineage, 2)!.Source!["t.py"]);
        Assert.Equal("a\nb\nc\nd\nE", Ablation.Without(lineage, 1, 2)!.Source!["t.py"]);
        Assert.Null(Ablation.Without([.. lineage, Version(4, "AA\nb\nC\nd\nE")], 1)); // a later change is made of it
    }
}
