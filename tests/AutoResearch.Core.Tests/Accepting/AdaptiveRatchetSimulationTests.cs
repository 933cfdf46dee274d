using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>Whole searches in worlds whose truth is known.</summary>
public sealed class AdaptiveRatchetSimulationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1e-4, 0.017, 0.15)]
    [InlineData(1e-3, 0.003, 0.4)]
    public async Task Search_KnownTruth_FindsRealGains(double sigma, double leastGain, double mostFalse)
    {
        var scores = new List<SimulationScore>();
        for (var seed = 500; seed < 516; seed++)
        {
            var world = new SimulatedObjective(sigma, seed: seed);
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).WithSeed(seed)
                .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (5, 0, 0)).Build();
            await loop.RunAsync(500, Stop).ToListAsync();
            scores.Add(SimulatedObjective.Score(loop.History));
        }
        Assert.True(scores.Average(s => s.TrueGain) > leastGain);
        Assert.InRange((double)scores.Sum(s => s.FalseAccepts) / scores.Sum(s => s.Accepts), 0, mostFalse);
    }

    [Fact]
    public async Task JudgeAsync_AnotherInstance_JudgesAHistoryAlike()
    {
        // Whatever an instance remembers must follow from the history: a fresh one at each step decides the same.
        var world = new SimulatedObjective(3.3e-4, seed: 5);
        async Task<IReadOnlyList<Verdict>> RunAsync(IRatchetAcceptor acceptor)
        {
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).AcceptWith(acceptor)
                .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (2, 0, 0)).Build();
            return (await loop.RunAsync(150, Stop).ToListAsync()).Verdicts();
        }
        var remembered = await RunAsync(new AdaptiveRatchet());
        var forgetful = await RunAsync(new Forgetful());
        Assert.Contains(remembered, v => v is Accept);
        Assert.Equal(remembered.Select(v => v.Reason), forgetful.Select(v => v.Reason));
    }

    [Theory]
    [InlineData(-0.05)]
    [InlineData(0.05)]
    public async Task AdaptiveRatchet_MachineThatDrifts_SentinelsShowItAndKeepsAreTruer(double drift)
    {
        const double Sigma = 3.3e-4;
        var (falseWith, keptWith, falseWithout, keptWithout) = (0, 0, 0, 0);
        for (var seed = 0; seed < 3; seed++)
        {
            var (seen, with) = await SearchAsync(null, drift, seed);
            var (_, without) = await SearchAsync(0, drift, seed);
            Assert.InRange(seen / (drift * Sigma), 0.6, 1.4);
            (falseWith, keptWith) = (falseWith + with.FalseAccepts, keptWith + with.Accepts);
            (falseWithout, keptWithout) = (falseWithout + without.FalseAccepts, keptWithout + without.Accepts);
        }
        // Towards better scores everything looks like a gain.
        if (drift < 0)
            Assert.True(falseWith * keptWithout < 0.8 * falseWithout * keptWith,
                $"{falseWith} of {keptWith} against {falseWithout} of {keptWithout}");

        static async Task<(double Drift, SimulationScore Score)> SearchAsync(int? every, double drift, int seed)
        {
            var world = new SimulatedObjective(new SimulatedNoise(Sigma) { DriftPerRun = drift * Sigma }, seed: seed);
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).WithSeed(seed)
                .AcceptWith(new AdaptiveRatchet(new() { SentinelEvery = every }))
                .Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds) = (5, 0, 0)).Build();
            await foreach (var _ in loop.RunAsync(400, Stop)) { }
            var sentinels = loop.History.Trials.SelectMany(t => t.Sentinels).ToArray();
            Assert.Equal(every == 0, sentinels.Length == 0);
            Assert.All(sentinels, r => Assert.Equal(world.Problem.Baseline.Id, r.Experiment.Candidate.Id));
            return (loop.History.Trials[^1].Verdict!.Statistics["drift"], SimulatedObjective.Score(loop.History));
        }
    }

    private sealed class Forgetful : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default) =>
            new AdaptiveRatchet().JudgeAsync(comparison, cancellationToken);
    }
}
