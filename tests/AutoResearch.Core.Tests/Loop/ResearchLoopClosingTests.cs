using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>
/// The end of a loop with several slots: claims, dropping and final runs. The search before it was made with one slot: it kept a
/// and c (a gain of 1 each) and b (screened well by luck, does a little harm).
/// </summary>
public sealed class ResearchLoopClosingTests
{
    private const int Slots = 8;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static ResearchProblem Problem { get; } =
        Loops.Problem with { Baseline = Candidate.Of(("a", 0), ("b", 0), ("c", 0)) };

    private static double Loss(Experiment e)
    {
        var p = e.Candidate.Parameters;
        var luck = e.Purpose == RunPurpose.Screen && e.Trial == 2 ? -1 : 0;
        return 10 - p["a"].AsInteger() - p["c"].AsInteger() + (0.05 * p["b"].AsInteger()) + luck
            + (0.01 * Math.Sin((e.Seed % 1000) + (3 * p["a"].AsInteger()) + (5 * p["b"].AsInteger()) + (7 * p["c"].AsInteger())));
    }

    private static ScriptedProposer Proposer => new(s => s.NextTrial > 3 ? null : new()
    {
        ParentId = s.Incumbent.Candidate.Id,
        Change = ParameterChange.Of(("abc"[s.NextTrial - 1].ToString(), 1)),
        Title = "idea",
    });

    private static async Task<ResearchHistory> RunAsync(
        IJournal journal, IExperimentRunner? runner = null, int slots = 1, FaultInjector? faults = null)
    {
        faults ??= new();
        await using var loop = Loops.Build(Proposer, faults.Wrap(runner ?? ScriptedRunner.Score(Loops.Metric, Loss)),
            faults.Wrap(journal), Problem)
            .AcceptWith(new Believing()).Resume()
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxParallel, o.MaxInfrastructureRetries) =
                (3, 6, 3, slots, 0)).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        return loop.History;
    }

    /// <summary>A journal that ends where the search does, and the whole one of a loop with one slot.</summary>
    private static async Task<(RecordingJournal Searched, ResearchHistory OneByOne)> SearchAsync()
    {
        var whole = new RecordingJournal();
        await RunAsync(whole);
        var first = whole.Events.ToList().FindIndex(e => e is ExperimentStarted { Experiment.Purpose: RunPurpose.Claim });
        return (new([.. whole.Events.Take(first)]), whole.History);
    }

    private static void AssertSame(ResearchHistory expected, ResearchHistory actual)
    {
        Assert.Equal(expected.Claims!.Claims, actual.Claims!.Claims);
        Assert.Equal(expected.Gain, actual.Gain);
        Assert.Equal(expected.State.Incumbent.Candidate, actual.State.Incumbent.Candidate);
        Assert.Equal(expected.Trials[^1].Verdict!.Reason, actual.Trials[^1].Verdict!.Reason);
        Assert.Empty(actual.Unfinished);
    }

    [Fact]
    public async Task Close_EightSlots_ClaimsDroppingAndFinalRunsFillThem()
    {
        var (searched, oneByOne) = await SearchAsync();
        var (together, most) = (new Dictionary<RunPurpose, int>(), new Dictionary<RunPurpose, int>());
        var full = new Dictionary<RunPurpose, TaskCompletionSource>();
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            // Confirm and control runs make one phase. A phase goes on once it has as many runs at once as it should have.
            var phase = e.Purpose == RunPurpose.Control ? RunPurpose.Confirm : e.Purpose;
            var expected = phase == RunPurpose.Final ? 6 : Slots;
            TaskCompletionSource signal;
            lock (together)
            {
                var now = together[phase] = together.GetValueOrDefault(phase) + 1;
                most[phase] = Math.Max(most.GetValueOrDefault(phase), now);
                if (!full.TryGetValue(phase, out signal!)) full[phase] = signal = new();
                if (now == expected) signal.TrySetResult();
            }
            // A failure of the assertions below
            if (await Task.WhenAny(signal.Task, Task.Delay(TimeSpan.FromSeconds(5), token)) != signal.Task) signal.TrySetResult();
            lock (together) together[phase]--;
            return Loops.Completed(Loss(e));
        });
        var history = await RunAsync(searched, runner, Slots);
        Assert.Equal((Slots, Slots, 6), (most[RunPurpose.Claim], most[RunPurpose.Confirm], most[RunPurpose.Final]));
        AssertSame(oneByOne, history);
    }

    [Fact]
    public async Task Close_RunsThatEndInAnyOrder_TheSameIsFound()
    {
        for (var order = 0; order < 12; order++)
        {
            var (searched, oneByOne) = await SearchAsync();
            var random = new Random(order);
            var waiting = new List<TaskCompletionSource>();
            var runner = new ScriptedRunner(async (e, _, token) =>
            {
                var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                lock (waiting)
                {
                    waiting.Add(mine);
                    random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(waiting));
                    if (waiting.Count >= 4) Release(waiting);
                }
                if (await Task.WhenAny(mine.Task, Task.Delay(20, token)) != mine.Task) lock (waiting) waiting.Remove(mine);
                return Loops.Completed(Loss(e));
            });
            AssertSame(oneByOne, await RunAsync(searched, runner, slots: 2 + (order % 7)));
        }

        static void Release(List<TaskCompletionSource> waiting)
        {
            waiting[0].TrySetResult();
            waiting.RemoveAt(0);
        }
    }

    [Fact]
    public async Task Close_KilledAtEveryPoint_FindsTheSame()
    {
        var (searched, oneByOne) = await SearchAsync();
        var counted = new FaultInjector();
        await RunAsync(new RecordingJournal(searched.Events), slots: 5, faults: counted);
        for (var point = 1; point <= counted.Points - 5; point++) // runs that end at once pass points in another order
        {
            var killed = new RecordingJournal(searched.Events);
            try
            {
                await RunAsync(killed, slots: 5, faults: new(point));
            }
            catch (InjectedFaultException)
            {
            }
            var resumed = new RecordingJournal(killed.Events);
            AssertSame(oneByOne, await RunAsync(resumed, slots: 5));
            var results = resumed.Events.OfType<ExperimentFinished>()
                .Where(f => f.Result.Outcome == RunOutcome.Completed).ToArray();
            Assert.Equal(results.Length, results.Select(f => f.ExperimentId).Distinct().Count());
        }
    }

    [Fact]
    public async Task Close_SeveralSlots_ArmsOfAPairBeginTogetherAndInTurn()
    {
        var (searched, _) = await SearchAsync();
        var history = await RunAsync(searched, slots: 4);
        var started = searched.Events.OfType<ExperimentStarted>().Select(s => s.Experiment).ToArray();
        foreach (var purpose in (RunPurpose[])[RunPurpose.Confirm, RunPurpose.Final])
        {
            var pairs = started.Where(e =>
                (e.Purpose == RunPurpose.Control ? RunPurpose.Confirm : e.Purpose) == purpose && e.Trial == history.Trials.Count)
                .Chunk(2).ToArray();
            Assert.Equal(purpose == RunPurpose.Final ? 3 : 6, pairs.Length);
            Assert.All(pairs, p => Assert.Equal(p[0].Seed, p[1].Seed));
            Assert.All(pairs.Zip(pairs.Skip(1)), p => Assert.Equal(p.First[1].Candidate, p.Second[0].Candidate));
        }
        // All arms of a round begin one after the other, in an order that is drawn: none is always first.
        var claims = started.Where(e => e.Purpose == RunPurpose.Claim).ToArray();
        var rounds = claims.GroupBy(e => e.Seed).ToArray();
        Assert.Equal(claims.Select(e => e.Id), rounds.SelectMany(r => r).Select(e => e.Id));
        Assert.True(rounds.Select(r => r.First().Candidate.Id).Distinct().Count() > 1);
        Assert.Contains(rounds.Zip(rounds.Skip(1)), p => p.First.Count() == p.Second.Count()
            && !p.First.Select(e => e.Candidate.Id).Reverse().SequenceEqual(p.Second.Select(e => e.Candidate.Id)));
    }

    [Fact]
    public async Task Close_ClaimThatIsHopeless_ItsRunsAheadAreNotCounted()
    {
        // One change, which does harm: its evidence is gone after some pairs, although runs of later rounds have
        // been made meanwhile.
        var runner = ScriptedRunner.Score(Loops.Metric,
            e => e.Purpose == RunPurpose.Screen ? 0 : 10 + Loops.X(e) + (0.01 * (e.Seed % 7)));
        async Task<ResearchHistory> RunAsync(int slots)
        {
            var proposer = new ScriptedProposer(s => s.NextTrial == 1
                ? new() { ParentId = s.Incumbent.Candidate.Id, Change = ParameterChange.Of(("x", 1)), Title = "x" }
                : null);
            await using var loop = Loops.Build(proposer, runner)
                .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.MaxParallel, o.DropUseless) = (3, 8, slots, false)).Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            return loop.History;
        }
        var (one, eight) = (await RunAsync(1), await RunAsync(8));
        Assert.Equal(one.Claims!.Claims, eight.Claims!.Claims);
        Assert.InRange(one.Claims.Claims[0].Pairs, 1, 4);
        Assert.InRange(eight.ClaimRuns.Count, one.ClaimRuns.Count, 10);
    }

    [Fact]
    public async Task Close_WithPlateau_NothingIsProposedAfterTheDropping()
    {
        var proposer = new ScriptedProposer(s => s.NextTrial > 20 ? null : new()
        {
            ParentId = s.Incumbent.Candidate.Id,
            Change = s.NextTrial <= 3
                ? ParameterChange.Of(("abc"[s.NextTrial - 1].ToString(), 1))
                : ParameterChange.Of(("a", 5 + s.NextTrial)),
            Title = "idea",
        });
        var runner = ScriptedRunner.Score(Loops.Metric, e => e.Candidate.Parameters["a"].AsInteger() > 5 ? 20 : Loss(e));
        await using var loop = Loops.Build(proposer, runner, problem: Problem)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.PlateauTrials) = (3, 6, 2, 4)).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(ClaimStatus.Dropped, loop.History.Claims!.Claims[1].Status);
        Assert.Equal(8, loop.History.Trials.Count); // three ideas, four in vain, the dropping
        Assert.Equal(StopReason.Plateau, events.Stop().Reason);
    }

    [Fact]
    public async Task Baseline_FirstOfSeveralAtOnceFails_TheOthersAreWaitedFor()
    {
        var failed = new TaskCompletionSource();
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            if (e.Id == "e0001") return RunResult.Failure(RunOutcome.Crashed, "boom");
            await failed.Task.WaitAsync(token);
            return Loops.Completed(10);
        });
        await using var loop = Loops.Build(new ScriptedProposer(_ => null), runner)
            .Configure(o => (o.BaselineRuns, o.MaxParallel) = (3, 3)).Build();
        var events = new List<ResearchEvent>();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            events.Add(e);
            if (e is ExperimentFinished) failed.TrySetResult();
        }
        Assert.Equal(StopReason.Exhausted, events.Stop().Reason);
        Assert.Equal(3, loop.History.BaselineRuns.Count(r => r.Result.Outcome == RunOutcome.Completed));
        Assert.Empty(loop.History.Unfinished);
    }

    /// <summary>Believes the first run, as greedy rules do.</summary>
    private sealed class Believing : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default) =>
            new(new Accept { Reason = "lucky" });
    }
}
