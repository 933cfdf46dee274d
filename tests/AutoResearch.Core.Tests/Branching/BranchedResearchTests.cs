using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class BranchedResearchTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("branches").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>A branch whose every idea gains as much as <paramref name="gain"/> says of its number.</summary>
    private static ResearchBranch Branch(string name, Func<int, double> gain, FaultInjector? faults = null)
    {
        faults ??= new();
        var runner = ScriptedRunner.Score(Loops.Metric,
            e => e.Candidate.Parameters.Where(p => p.Key != "x").Sum(p => -p.Value.AsFloat()) + (1e-4 * (e.Seed % 100)));
        var proposer = new ScriptedProposer(s => new Hypothesis
        {
            ParentId = s.Incumbent.Candidate.Id, Change = ParameterChange.Of(($"idea{s.NextTrial}", gain(s.NextTrial))),
            Title = $"idea {s.NextTrial}",
        });
        return new(name, Loops.Problem, b => b.ProposeWith(faults.Wrap((IHypothesisProposer)proposer))
            .RunWith(faults.Wrap(runner)).AcceptWith(new GreedyRatchet(0.05))
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.RetryDelay, o.MaxInfrastructureRetries,
                o.MaxProposalRetries) = (2, 0, 3, TimeSpan.Zero, 0, 0)));
    }

    private static readonly BranchingOptions s_options = new() { Slice = 6, DeadAfter = 2 };

    private async Task<BranchedResearch> RunAsync(int maxRuns, params ResearchBranch[] branches)
    {
        var research = new BranchedResearch(_directory, branches, s_options);
        await foreach (var _ in research.RunAsync(maxRuns, Stop)) { }
        return research;
    }

    [Fact]
    public async Task RunAsync_OneBranchBringsMore_GetsMoreAndTheDeadOneIsLeftAlone()
    {
        var research = await RunAsync(200, Branch("rich", _ => 0.5), Branch("poor", _ => 0.1), Branch("dead", _ => -1));
        var runs = research.Slices.GroupBy(s => s.Branch).ToDictionary(g => g.Key, g => g.Sum(s => s.Runs!.Value));
        Assert.InRange(research.Slices.Count(s => s.Branch == "dead"), 1, 2);
        Assert.True(runs["rich"] > 2 * runs["poor"], $"{runs["rich"]} and {runs["poor"]}");
        Assert.InRange(runs.Values.Sum(), 200, 230);
        Assert.Equal(["rich", "poor", "dead"], research.Slices.Take(3).Select(s => s.Branch)); // everybody once
        Assert.Equal(runs["rich"], (await research.ReadHistoryAsync("rich", Stop)).ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_BranchThatDriesUp_LosesItsLead()
    {
        var research = await RunAsync(400, Branch("early", n => n < 8 ? 1 : -1), Branch("steady", _ => 0.2));
        var late = research.Slices.Skip(research.Slices.Count / 2).ToArray();
        Assert.True(late.Count(s => s.Branch == "steady") > 0.8 * late.Length);
    }

    [Fact]
    public async Task RunAsync_AllDead_EndsBeforeTheBudget()
    {
        var research = await RunAsync(10_000, Branch("a", _ => -1), Branch("b", _ => 0));
        Assert.Equal(4, research.Slices.Count);
        Assert.All(research.Slices, s => Assert.Equal(0, s.Gain));
    }

    [Fact]
    public async Task RunAsync_KilledAnywhereAndRunAgain_SlicesAreThoseOfAnUndisturbedOne()
    {
        ResearchBranch[] Both(FaultInjector? faults = null) =>
            [Branch("a", _ => 0.5, faults), Branch("b", n => n % 2 == 0 ? 0.3 : -1, faults)];
        var count = new FaultInjector();
        var whole = (await RunAsync(80, Both(count))).Slices.ToArray();
        for (var point = 3; point < count.Points; point += 17)
        {
            Directory.Delete(_directory, recursive: true);
            await Assert.ThrowsAnyAsync<Exception>(() => RunAsync(80, Both(new FaultInjector(point))));
            // Cut off in a write
            await File.AppendAllTextAsync(Path.Combine(_directory, "branches.jsonl"), "{\"branch\":\"a\",\"unt", Stop);
            Assert.Equal(whole, (await RunAsync(80, Both())).Slices);
        }
    }

    [Fact]
    public async Task RunAsync_DirectoryInUse_IsRefused()
    {
        var research = new BranchedResearch(_directory, [Branch("a", _ => 0.5)], s_options);
        await using var events = research.RunAsync(50, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await events.MoveNextAsync());
        await Assert.ThrowsAnyAsync<IOException>(() => RunAsync(50, Branch("a", _ => 0.5)));
    }

    [Fact]
    public async Task RunAsync_DamagedLedger_SaysWhere()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "branches.jsonl"),
            "{\"branch\":\"a\",\"until\":6}\nnonsense\n", Stop);
        Assert.Contains(
            "Line 2", (await Assert.ThrowsAsync<InvalidDataException>(() => RunAsync(50, Branch("a", _ => 0.5)))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_BranchesWithoutSense_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => Branch("../up", _ => 0));
        Assert.Throws<ArgumentException>(() => new BranchedResearch(_directory, []));
        Assert.Contains("'A'", Assert.Throws<ArgumentException>(() =>
            new BranchedResearch(_directory, [Branch("A", _ => 0), Branch("a", _ => 0)])).Message, StringComparison.Ordinal);
        Assert.Contains("Slice", Assert.Throws<ArgumentException>(() =>
            new BranchedResearch(_directory, [Branch("a", _ => 0)], new() { Slice = 0 })).Message, StringComparison.Ordinal);
    }
}
