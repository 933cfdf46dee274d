using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>A loop that is killed anywhere and resumed must end with the very decisions of one that was left alone.</summary>
public sealed class ResearchLoopResumeTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Resume_KilledAtEveryPoint_JournalEqualsThatOfAnUninterruptedRun()
    {
        var world = new World();
        var whole = await KillEverywhereAsync((journal, faults) => RunAsync(world, journal, faults), leastPoints: 250);
        AssertCoversEverything(whole);
    }

    [Fact]
    public async Task Resume_AdaptiveRatchetKilledAtEveryPoint_JournalEqualsThatOfAnUninterruptedRun()
    {
        // What the ratchet has learned is in no event: it must come back from the history alone.
        var world = new SimulatedObjective(3.3e-4, new EffectDistribution(0.3, 0.2, 0.002, 0.0005, 0.001), seed: 4);
        var whole = await KillEverywhereAsync(async (journal, faults) =>
        {
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(faults.Wrap((IHypothesisProposer)world))
                .RunWith(faults.Wrap((IExperimentRunner)world))
                .AcceptWith(new AdaptiveRatchet(new() { SentinelEvery = 7 }))
                .Configure(o =>
                    (o.BaselineRuns, o.FinalRuns, o.MaxTrials, o.RetryDelay, o.MaxProposalRetries, o.MaxInfrastructureRetries)
                        = (3, 2, 16, TimeSpan.Zero, 0, 0))
                .RecordTo(faults.Wrap(journal)).WithTimeProvider(new FakeTimeProvider()).Resume().Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        }, leastPoints: 250);
        Assert.Contains(whole.Events, e => e is ClaimsSettled settled && settled.Claims.Confirmed.Any());
        Assert.Contains(whole.Events, e => e is ExperimentStarted { Experiment.Purpose: RunPurpose.Control });
        Assert.Contains(whole.Events, e => e is ExperimentStarted { Experiment.Purpose: RunPurpose.Sentinel });
    }

    [Fact]
    public async Task Resume_QuarantineKilledAtEveryPoint_LooksAtTheAuditSetNoMoreOftenAndDecidesTheSame()
    {
        var (seal, boxes) = (AuditSeal.Create(), new Dictionary<string, string>(StringComparer.Ordinal));
        var gate = new DelegateApprovalGate((request, _) =>
            Task.FromResult(new ApprovalAnswer(request.Trial.Number != 5, "ann", "")));
        var whole = await KillEverywhereAsync(async (journal, faults) =>
        {
            // Trials 2 and 4 claim a tenfold gain; the audit set shows that of 4 only. After two looks somebody is asked.
            var runner = new ScriptedRunner(e =>
            {
                var x = Loops.X(e);
                var audit = x == 20 ? 99 : 100 - x;
                if (!boxes.TryGetValue($"{e.Id}/{e.Candidate.Id}", out var box))
                    boxes[$"{e.Id}/{e.Candidate.Id}"] = box = seal.Seal(e, audit);
                return Loops.Completed(100 - x) with { Hashes = new Dictionary<string, string> { [AuditSeal.ResultKey] = box } };
            });
            await using var loop = Loops.Build(
                faults.Wrap((IHypothesisProposer)ScriptedProposer.Values("x", 1, 20, 2, 30, 60, 70)), faults.Wrap(runner),
                faults.Wrap(journal))
                .AcceptWith(new QuarantineRatchet(new GreedyRatchet(), new() { Seal = seal, MaxLooks = 2 })).ApproveWith(gate,
                    new() { Keeps = ApprovalRule.Allow })
                .Configure(o => (o.MaxProposalRetries, o.MaxInfrastructureRetries) = (0, 0)).Resume().Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        }, leastPoints: 30);

        var verdicts = whole.Events.Verdicts();
        Assert.Equal(["Accept", "Reject", "Accept", "Accept", "Reject", "Accept"], verdicts.Select(v => v.GetType().Name));
        Assert.Equal([1, 2], verdicts.Where(v => v.Statistics.ContainsKey(QuarantineRatchet.LookMark))
            .Select(v => v.Statistics[QuarantineRatchet.LookMark]));
        Assert.Equal("not approved to be kept, by ann", verdicts[4].Reason);
    }

    private static async Task<RecordingJournal> KillEverywhereAsync(Func<IJournal, FaultInjector, Task> run, int leastPoints)
    {
        var whole = new RecordingJournal();
        var faults = new FaultInjector();
        await run(whole, faults);
        var expected = Normalized(whole.Events);
        Assert.InRange(faults.Points, leastPoints, 2000);
        for (var point = 1; point <= faults.Points; point++)
        {
            var fault = new FaultInjector(point);
            var first = new RecordingJournal();
            await Assert.ThrowsAsync<InjectedFaultException>(() => run(first, fault));
            Assert.True(fault.HasKilled);

            var second = new RecordingJournal(first.Events);
            await run(second, new FaultInjector());
            Assert.Equal(first.Events, second.Events.Take(first.Events.Count)); // nothing acknowledged is lost
            Deep.Equal(expected, Normalized(second.Events));
            var results = second.Events.OfType<ExperimentFinished>()
                .Where(f => f.Result.Outcome != RunOutcome.InfrastructureFailure);
            Assert.Equal(results.Count(), results.Select(f => f.ExperimentId).Distinct().Count()); // nothing is doubled
        }
        return whole;
    }

    [Fact]
    public async Task Resume_KilledAgainAndAgain_StillEqualsAnUninterruptedRun()
    {
        var world = new World();
        var whole = new RecordingJournal();
        await RunAsync(world, whole, new FaultInjector());
        IReadOnlyList<ResearchEvent> events = [];
        for (var lives = 1; ; lives++)
        {
            var journal = new RecordingJournal(events);
            try
            {
                await RunAsync(world, journal, new FaultInjector(8));
                Assert.True(lives > 20);
                break;
            }
            catch (InjectedFaultException)
            {
                events = [.. journal.Events];
                Assert.True(lives < 500, "The loop makes no headway.");
            }
        }
        var last = new RecordingJournal(events);
        await RunAsync(world, last, new FaultInjector());
        Deep.Equal(Normalized(whole.Events), Normalized(last.Events));
    }

    [Fact]
    public async Task Resume_ExperimentWasRunning_SameIdNextAttemptSameSeed()
    {
        var whole = new RecordingJournal();
        await RunAsync(new World(), whole, new FaultInjector());
        var cut = whole.Events.TakeWhile(e => e is not ExperimentStarted { Experiment.Trial: 3 }).Count() + 1;
        var started = ((ExperimentStarted)whole.Events[cut - 1]).Experiment;
        var journal = new RecordingJournal(whole.Events.Take(cut));
        await RunAsync(new World(), journal, new FaultInjector());
        Assert.Equal([started.Id], Assert.IsType<LoopResumed>(journal.Events[cut]).Interrupted);
        var again = Assert.IsType<ExperimentStarted>(journal.Events[cut + 1]).Experiment;
        Assert.Equal(started with { Attempt = started.Attempt + 1 }, again);
    }

    [Fact]
    public async Task RunAsync_JournalHasEvents_RefusedUnlessResumingWasAskedFor()
    {
        var journal = new RecordingJournal();
        await using (var loop = Build(journal).Build()) await loop.RunAsync(2, Stop).ToListAsync();

        await using var again = Build(journal).Build();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => again.RunAsync(3, Stop).ToListAsync());
        Assert.Contains("already holds a loop with 2 experiments", e.Message, StringComparison.Ordinal);
        Assert.Contains("ResumeAsync", e.Message, StringComparison.Ordinal);
        await again.ResumeAsync(3, Stop).ToListAsync();
        Assert.Equal(3, again.History.ExperimentsFinished);

        await using var third = Build(journal).Resume().Build();
        await third.RunAsync(4, Stop).ToListAsync();
        Assert.Equal(4, third.History.ExperimentsFinished);
    }

    [Fact]
    public async Task ResumeAsync_NothingThere_IsRefused()
    {
        await using var loop = Build(new RecordingJournal()).Build();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => loop.ResumeAsync(3, Stop).ToListAsync());
        Assert.Contains("nothing to resume", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ResumeAsync_AnotherProblem_RefusedNamingEachDifference()
    {
        var journal = new RecordingJournal();
        await using (var loop = Build(journal).WithSeed(5).Build()) await loop.RunAsync(2, Stop).ToListAsync();
        var before = journal.Events.Count;
        var other = Loops.Problem with
        {
            Objective = Objective.Maximize("accuracy"),
            Baseline = Candidate.Of(("x", 7)),
            Budget = Budget.OfSteps(10),
            Guards = [Guard.AtMost("memory", 1)],
        };
        await using var again = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x), journal, other)
            .WithSeed(6).Build();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => again.ResumeAsync(3, Stop).ToListAsync());
        foreach (var part in (string[])["the objective was", "accuracy", "the baseline was " + Loops.Problem.Baseline.Id,
            "the budget was", "the guards", "the seed was 5 and is now 6"])
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.Equal(before, journal.Events.Count);
    }

    [Fact]
    public async Task ResumeAsync_SeedNotGiven_IsTheRecordedOne()
    {
        var journal = new RecordingJournal();
        await using (var loop = Build(journal).WithSeed(5).Build()) await loop.RunAsync(2, Stop).ToListAsync();
        var runner = Loops.Score(x => x);
        await using (var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, journal).Build())
            await loop.ResumeAsync(3, Stop).ToListAsync();
        Assert.Equal(SeedSequence.Derive(5, RunPurpose.Screen, 2, 1), Assert.Single(runner.Experiments).Seed);
    }

    [Fact]
    public async Task RunAsync_JournalFails_ThrowsLosesNothingAndResumes()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x),
            new FullDisk(journal, room: 5)).Build();
        var seen = new List<ResearchEvent>();
        var e = await Assert.ThrowsAsync<IOException>(async () =>
        {
            await foreach (var x in loop.RunAsync(cancellationToken: Stop)) seen.Add(x);
        });
        Assert.Contains("No space left", e.Message, StringComparison.Ordinal);
        Assert.Equal(journal.Events, seen);
        var again = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            loop.RunAsync(cancellationToken: Stop).ToListAsync());
        Assert.Contains("resume with a new one", again.Message, StringComparison.Ordinal);
        await using var next = Build(journal).Build();
        await next.ResumeAsync(4, Stop).ToListAsync();
        Assert.Equal(4, next.History.ExperimentsFinished);
    }

    private static ResearchLoopBuilder Build(IJournal journal) =>
        Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x), journal);

    private static async Task RunAsync(World world, IJournal journal, FaultInjector faults)
    {
        await using var loop = ResearchLoop.Create(World.Problem)
            .ProposeWith(faults.Wrap(World.Proposer)).RunWith(faults.Wrap(world.Runner))
            .AcceptWith(new ConfirmingRatchet(new() { ControlRuns = 1 }))
            .Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds, o.MaxTrials, o.RetryDelay, o.MaxProposalRetries,
                o.MaxInfrastructureRetries)
                = (2, 2, 6, 14, TimeSpan.Zero, 0, 1))
            .RecordTo(faults.Wrap(journal)).WithTimeProvider(new FakeTimeProvider()).Resume().Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
    }

    /// <summary>
    /// The events without what an interruption may change: resumes, attempts that were cut off or failed for the machine's
    /// sake, attempt numbers and times.
    /// </summary>
    private static List<ResearchEvent> Normalized(IEnumerable<ResearchEvent> events)
    {
        var result = new List<ResearchEvent>();
        foreach (var e in events)
        {
            if (e is LoopResumed)
            {
                if (result[^1] is LoopStopped) result.RemoveAt(result.Count - 1); // killed after its last word
                continue;
            }
            if (e is ExperimentFinished { Result.Outcome: RunOutcome.InfrastructureFailure }) continue;
            if (e is ExperimentStarted started)
            {
                result.RemoveAll(r => r is ExperimentStarted s && s.Experiment.Id == started.Experiment.Id);
                result.Add(new ExperimentStarted(started.Experiment with { Attempt = 1 }));
                continue;
            }
            result.Add(e with { Time = default });
        }
        return result;
    }

    private static void AssertCoversEverything(RecordingJournal journal)
    {
        foreach (var type in (Type[])[typeof(LoopStarted), typeof(IncumbentAdvanced), typeof(GainMeasured), typeof(LoopStopped)])
            Assert.Contains(journal.Events, e => e.GetType() == type);
        // Only the adaptive ratchet asks for those
        foreach (var purpose in Enum.GetValues<RunPurpose>().Where(p => p != RunPurpose.Sentinel))
            Assert.Contains(journal.Events, e => e is ExperimentStarted s && s.Experiment.Purpose == purpose);
        var verdicts = journal.Events.OfType<TrialJudged>().Select(j => j.Verdict).ToArray();
        foreach (var type in (Type[])[typeof(Accept), typeof(Reject), typeof(NeedMore)])
            Assert.Contains(verdicts, v => v.GetType() == type);
        foreach (var reason in (string[])["identical to", "does not apply", "Crashed", "broke a limit", "Diverged"])
            Assert.Contains(verdicts, v => v.Reason.Contains(reason, StringComparison.Ordinal));
        Assert.NotEmpty(journal.History.Setbacks);
    }

    /// <summary>Every kind of thing that can happen, as a function of the trial and of candidate and seed only.</summary>
    private sealed class World
    {
        public static ResearchProblem Problem { get; } = Loops.Problem with { Guards = [Guard.AtMost("memory", 100)] };

        public static IHypothesisProposer Proposer => new ScriptedProposer(s => s.NextTrial switch
        {
            4 => ScriptedProposer.Set(s, "x", 2), // a duplicate
            6 => ScriptedProposer.Set(s, "x", 6) with { Change = new SourceChange([new DeleteFile("a.py")]) },
            _ => ScriptedProposer.Set(s, "x", s.NextTrial),
        });

        public IExperimentRunner Runner => new ScriptedRunner(e =>
        {
            var x = Loops.X(e);
            if (x == 8 && e.Attempt == 1) return RunResult.Failure(RunOutcome.InfrastructureFailure, "device lost");
            if (x == 3) return RunResult.Failure(RunOutcome.Crashed, "boom");
            var noise = 0.002 * Math.Sin(e.Seed % 1000);
            var loss = x == 5 ? double.NaN : 1 - (0.01 * (x % 4)) + noise;
            return RunResult.Complete(new Dictionary<string, double> { [Loops.Metric] = loss, ["memory"] = x == 7 ? 200 : 50 });
        });
    }

    private sealed class FullDisk(IJournal inner, int room) : IJournal
    {
        public ResearchHistory History => inner.History;

        public ValueTask AppendAsync(ResearchEvent e, CancellationToken token) => room-- > 0
            ? inner.AppendAsync(e, token)
            : throw new IOException(string.Create(CultureInfo.InvariantCulture, $"No space left on device."));

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
