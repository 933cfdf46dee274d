using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class DriftTrendTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void With_PointsOfALine_FindsItsSlopeWhateverTheLevel()
    {
        var trend = default(DriftTrend);
        for (var run = 1; run <= 400; run += 20) trend = trend.With(run, 5 + (0.03 * run));
        Assert.True(trend.Drift(1).Variance > trend.Drift(0.01).Variance);
        Assert.Equal(0.03, trend.Drift(1).Slope, 3);
        Assert.Equal(381, trend.Last);
        Assert.Equal(0, default(DriftTrend).With(1, 7).Drift(1).Slope);
    }

    [Fact]
    public void With_DriftThatTurns_FollowsTheLatePart()
    {
        var trend = default(DriftTrend);
        for (var run = 0; run <= 2000; run += 20) trend = trend.With(run, run <= 1000 ? -0.02 * run : -20 + (0.02 * (run - 1000)));
        Assert.InRange(trend.Drift(1).Slope, 0.01, 0.025);
    }

    [Fact]
    public void Slope_FewNoisyRuns_IsDrawnToNone()
    {
        var random = new Random(2);
        var trend = default(DriftTrend);
        for (var run = 1; run <= 5; run++) trend = trend.With(run, random.NextDouble());
        Assert.InRange(trend.Drift(1).Slope, -0.003, 0.003);
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
        if (drift < 0) Assert.True(falseWith * keptWithout < 0.8 * falseWithout * keptWith, $"{falseWith} of {keptWith} against {falseWithout} of {keptWithout}");

        static async Task<(double Drift, SimulationScore Score)> SearchAsync(int? every, double drift, int seed)
        {
            var world = new SimulatedObjective(new SimulatedNoise(Sigma) { DriftPerRun = drift * Sigma }, seed: seed);
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).WithSeed(seed)
                .AcceptWith(new AdaptiveRatchet(new() { SentinelEvery = every })).Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds) = (5, 0, 0)).Build();
            await foreach (var _ in loop.RunAsync(400, Stop)) { }
            var sentinels = loop.History.Trials.SelectMany(t => t.Sentinels).ToArray();
            Assert.Equal(every == 0, sentinels.Length == 0);
            Assert.All(sentinels, r => Assert.Equal(world.Problem.Baseline.Id, r.Experiment.Candidate.Id));
            return (loop.History.Trials[^1].Verdict!.Statistics["drift"], SimulatedObjective.Score(loop.History));
        }
    }
}
