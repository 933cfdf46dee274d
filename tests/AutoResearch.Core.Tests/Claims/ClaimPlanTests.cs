using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>Claims in whole loops: x = 1 helps, y = 1 does nothing but had a lucky screening.</summary>
public sealed class ClaimPlanTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly ResearchProblem s_problem = new("test")
    {
        Objective = Objective.Minimize(Loops.Metric),
        Baseline = Candidate.Of(("x", 0), ("y", 0)),
    };

    private static double Truth(Candidate c) => 1 - (0.5 * c.Parameters["x"].AsInteger());

    private static ScriptedRunner Runner => ScriptedRunner.Score(Loops.Metric, e =>
        Truth(e.Candidate) - (e.Purpose == RunPurpose.Screen && e.Candidate.Parameters["y"] == 1 ? 0.2 : 0)
        + (0.01 * (e.Seed % 7)));

    private static ResearchLoopBuilder Build(IExperimentRunner runner, params Change[] changes)
    {
        var next = 0;
        var proposer = new DelegateProposer(state => next == changes.Length ? null : new Hypothesis
        {
            ParentId = state.Incumbent.Candidate.Id,
            Change = changes[next++],
            Title = $"idea {next}",
        });
        return Loops.Build(proposer, runner, problem: s_problem).Configure(o => o.ClaimRounds = 8);
    }

    [Fact]
    public async Task Claims_RealAndLuckyChange_OnlyTheRealOneIsConfirmed()
    {
        var runner = Runner;
        await using var loop = Build(runner, ParameterChange.Of(("x", 1)), ParameterChange.Of(("y", 1))).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var claims = Assert.Single(events.OfType<ClaimsSettled>()).Claims;
        Assert.Equal([(1, ClaimStatus.Confirmed), (2, ClaimStatus.Doubtful)], claims.Claims.Select(c => (c.Trial, c.Status)));
        Assert.Equal(0.5, claims.Claims[0].Gain, 12);
        Assert.All(claims.Claims, c => Assert.True(c.IsAblation));
        Assert.Contains("1 of 2 kept changes confirmed", events.Stop().Message, StringComparison.Ordinal);
        // Both ablations of the final candidate ran, not only its predecessors.
        Assert.Contains(runner.Experiments,
            e => e.Purpose == RunPurpose.Claim && e.Candidate == Candidate.Of(("x", 0), ("y", 1)));
        // The doubtful one was taken out, and nothing is worse without it.
        Assert.Equal([ClaimStatus.Confirmed, ClaimStatus.Dropped], loop.History.Claims!.Claims.Select(c => c.Status));
        Assert.Equal(Candidate.Of(("x", 1), ("y", 0)), loop.History.State.Incumbent.Candidate);
    }

    [Fact]
    public async Task Claims_EachRound_SharesASeedAndAlternatesTheOrder()
    {
        var runner = Runner;
        await using var loop = Build(runner, ParameterChange.Of(("x", 1))).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var runs = runner.Experiments.Where(e => e.Purpose == RunPurpose.Claim).ToArray();
        Assert.InRange(runs.Length, 10, 16);
        foreach (var round in runs.Chunk(2)) Assert.Equal(round[0].Seed, round[1].Seed);
        Assert.Equal(runs.Length / 2, runs.Select(r => r.Seed).Distinct().Count());
        Assert.Equal([1, 0, 0, 1], runs.Take(4).Select(Loops.X));
    }

    [Fact]
    public async Task Claims_LaterChangeOfTheSameParameter_SupersedesTheEarlier()
    {
        var runner = ScriptedRunner.Score(Loops.Metric, e => 1 - (0.1 * Loops.X(e)));
        await using var loop = Build(runner, ParameterChange.Of(("x", 1)), ParameterChange.Of(("x", 2))).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([ClaimStatus.Superseded, ClaimStatus.Confirmed], loop.History.Claims!.Claims.Select(c => c.Status));
    }

    [Fact]
    public async Task Claims_ChangeOfSource_IsTakenOutOfTheFinalCandidate()
    {
        var problem = s_problem with
        {
            Baseline =
                new() { Parameters = s_problem.Baseline.Parameters, Source = new SourceTree([new("train.py", "lr = 1\n")]) },
        };
        var runner = ScriptedRunner.Score(Loops.Metric, e => e.Candidate.Source!["train.py"].Length > 7 ? 0.5 : 1);
        var proposed = false;
        var proposer = new DelegateProposer(state => proposed ? null : new Hypothesis
        {
            ParentId = state.Incumbent.Candidate.Id,
            Change = new SourceChange([new WriteFile("train.py", "lr = 12\n")]),
            Title = "a higher rate",
        });
        await using var loop = Loops.Build(proposer, runner, problem: problem)
            .Configure(o => (o.ClaimRounds, o.MaxTrials) = (8, 1)).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var claim = Assert.Single(loop.History.Claims!.Claims);
        Assert.Equal((ClaimStatus.Confirmed, true), (claim.Status, claim.IsAblation));
    }

    [Fact]
    public async Task Claims_AblationCrashes_ClaimStaysOpen()
    {
        var runner = new ScriptedRunner(e => e.Purpose == RunPurpose.Claim && Loops.X(e) == 0
            ? RunResult.Failure(RunOutcome.Crashed, "boom") : Loops.Completed(Truth(e.Candidate)));
        await using var loop = Build(runner, ParameterChange.Of(("x", 1))).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var claim = Assert.Single(loop.History.Claims!.Claims);
        Assert.Equal((ClaimStatus.Open, 0), (claim.Status, claim.Pairs));
    }

    [Fact]
    public async Task Claims_NothingKept_NoRuns()
    {
        var runner = Runner;
        await using var loop = Build(runner).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Null(loop.History.Claims);
        Assert.Single(runner.Experiments);
    }

    [Fact]
    public async Task Claims_PlaceboIdeas_FewFalseClaims()
    {
        var (claims, keeps) = (0, 0);
        for (var seed = 0; seed < 60; seed++)
        {
            var world = new SimulatedObjective(1e-3, EffectDistribution.Placebo, seed);
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world)
                .AcceptWith(new GreedyRatchet()).WithSeed(seed)
                .Configure(o => (o.BaselineRuns, o.FinalRuns, o.MaxTrials) = (1, 0, 60)).Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            keeps += loop.History.Incumbents.Count - 1;
            claims += loop.History.Claims?.Confirmed.Any() == true ? 1 : 0;
        }
        Assert.True(keeps > 120); // a greedy rule keeps several placebos a search
        Assert.InRange(claims, 0, 6); // at 5 %, 3 are expected at most
    }
}
