using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ResearchLoopParallelTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static ResearchProblem Problem { get; } = Loops.Problem with { Baseline = Candidate.Of(("x", 0), ("y", 0)) };

    private static Hypothesis Set(ResearchState state, string name, int value) => new()
    {
        ParentId = state.Incumbent.Candidate.Id,
        Change = ParameterChange.Of((name, value)),
        Title = $"{name} = {value}",
    };

    private static ScriptedProposer Values(params (string Name, int Value)[] ideas) =>
        new(s => s.NextTrial <= ideas.Length ? Set(s, ideas[s.NextTrial - 1].Name, ideas[s.NextTrial - 1].Value) : null);

    // Each idea helps by its value; both together by the sum.
    private static double Loss(Candidate c) => 10 - c.Parameters["x"].AsInteger() - c.Parameters["y"].AsInteger();

    private static ResearchLoopBuilder Build(
        IHypothesisProposer proposer, IExperimentRunner runner, int slots, IJournal? journal = null) =>
        Loops.Build(proposer, runner, journal, Problem).Configure(o => o.MaxParallel = slots);

    [Fact]
    public async Task RunAsync_FourSlots_FourRunAtOnceAndNeverMore()
    {
        var (now, most, all) = (0, 0, new TaskCompletionSource());
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            var count = Interlocked.Increment(ref now);
            lock (all) most = Math.Max(most, count);
            if (e.Trial > 0)
            {
                if (count == 4) all.TrySetResult();
                await all.Task.WaitAsync(token);
            }
            Interlocked.Decrement(ref now);
            return Loops.Completed(10);
        });
        await using var loop = Build(ScriptedProposer.Counting("x"), runner, slots: 4).Configure(o => o.MaxTrials = 12).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(4, most);
        Assert.Equal(13, loop.History.ExperimentsFinished);
        Assert.All(loop.History.Trials, t => Assert.IsType<Reject>(t.Verdict));
    }

    [Fact]
    public async Task RunAsync_MoreSlotsThanTrialsWithoutARun_AllAreFilled()
    {
        // Trials whose first run has not ended are no sign of an exhausted proposer.
        var (count, all) = (0, new TaskCompletionSource());
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            if (e.Trial > 0 && Interlocked.Increment(ref count) == 30) all.TrySetResult();
            if (e.Trial > 0) await all.Task.WaitAsync(token);
            return Loops.Completed(10);
        });
        await using var loop = Build(ScriptedProposer.Counting("x"), runner, slots: 30).Configure(o => o.MaxTrials = 30).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(31, loop.History.ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_TwoGoodIdeasAtOnce_SecondIsMergedAndMeasuredAgain()
    {
        var release = new Release(["x", "y"]);
        await using var loop = Build(Values(("x", 1), ("y", 2)), release.Runner, slots: 2).Build();
        await release.RunAsync(loop);
        var history = loop.History;
        Assert.Equal(3, history.Trials.Count);
        Assert.Equal((0, 3), (history.Trials[1].IncumbentVersion, history.Trials[1].RebasedAs));
        Assert.IsType<Accept>(history.Trials[1].Verdict);
        Assert.Equal((1, 2), (history.Trials[2].IncumbentVersion, history.Trials[2].Hypothesis.RebaseOf));
        Assert.Equal(Candidate.Of(("x", 1), ("y", 2)), history.State.Incumbent.Candidate);
        Assert.Equal([0, 1, 3], history.Incumbents.Select(i => i.Trial));
        // The merged thing was measured
        Assert.Equal(history.State.Incumbent.Candidate, history.Trials[2].Runs[0].Experiment.Candidate);
        Assert.Contains("measured again as trial 3", new ResearchReport(history).ToMarkdown(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_MergedIdeaDoesNotHelp_IsRejected()
    {
        // Together they do harm
        var release = new Release(["x", "y"], c => c.Parameters["x"] == 1 && c.Parameters["y"] == 2 ? 20 : Loss(c));
        await using var loop = Build(Values(("x", 1), ("y", 2)), release.Runner, slots: 2).Build();
        await release.RunAsync(loop);
        Assert.IsType<Reject>(loop.History.Trials[2].Verdict);
        Assert.Equal(1, loop.History.State.Incumbent.Trial);
    }

    [Fact]
    public async Task RunAsync_TwoIdeasForOneParameter_SecondConflicts()
    {
        var release = new Release(["1", "2"], by: e => e.Candidate.Parameters["x"].ToString());
        await using var loop = Build(Values(("x", 1), ("x", 2)), release.Runner, slots: 2).Build();
        await release.RunAsync(loop);
        var merged = loop.History.Trials[2];
        Assert.Contains("conflicts with the present incumbent, which has set x to 1",
            Assert.IsType<Reject>(merged.Verdict).Reason, StringComparison.Ordinal);
        Assert.Empty(merged.Runs);
        Assert.Equal(1, loop.History.State.Incumbent.Trial);
    }

    [Fact]
    public async Task RunAsync_ControlsOfAReplacedIncumbent_BelongToIt()
    {
        var release = new Release(["x", "y"]);
        await using var loop = Build(Values(("x", 1), ("y", 2)), release.Runner, slots: 2)
            .AcceptWith(new ConfirmingRatchet(new() { CandidateRuns = 1, ControlRuns = 1 }))
            .Configure(o => o.BaselineRuns = 2).Build();
        await release.RunAsync(loop);
        foreach (var trial in loop.History.Trials)
        {
            var control = Assert.Single(trial.Controls);
            Assert.Equal(loop.History.Incumbents[trial.IncumbentVersion].Candidate, control.Experiment.Candidate);
            Assert.Contains(control, loop.History.Incumbents[trial.IncumbentVersion].Runs);
        }
    }

    [Fact]
    public async Task RunAsync_ProposerThinks_RunningExperimentsAreRecordedMeanwhile()
    {
        var finished = new TaskCompletionSource();
        var proposals = 0;
        var proposer = new DelegateProposer(async ValueTask<Hypothesis?> (state, token) =>
        {
            if (++proposals == 1) return Set(state, "x", -1);
            if (proposals > 2) return null;
            await finished.Task.WaitAsync(token); // only the end of the first trial lets the second proposal go on
            return Set(state, "y", -1);
        });
        await using var loop = Build(proposer, ScriptedRunner.Score(Loops.Metric, e => Loss(e.Candidate)), slots: 2).Build();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            if (e is TrialJudged { Trial: 1 }) finished.SetResult();
        }
        Assert.Equal(2, loop.History.Trials.Count);
    }

    [Fact]
    public async Task RunAsync_BaselineRuns_AreMadeAtOnce()
    {
        var together = new TaskCompletionSource();
        var count = 0;
        var runner = new ScriptedRunner(async (_, _, token) =>
        {
            if (Interlocked.Increment(ref count) == 3) together.SetResult();
            await together.Task.WaitAsync(token);
            return Loops.Completed(1);
        });
        await using var loop = Build(Values(), runner, slots: 3).Configure(o => o.BaselineRuns = 3).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(3, loop.History.BaselineRuns.Count);
        Assert.Equal(3, loop.History.BaselineRuns.Select(r => r.Experiment.Seed).Distinct().Count());
    }

    [Fact]
    public async Task RunAsync_CancelledWithThreeRunning_AllAreRecordedAndMadeUpFor()
    {
        var journal = new RecordingJournal();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var running = 0;
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            if (e.Trial == 0) return Loops.Completed(10);
            if (Interlocked.Increment(ref running) == 3) await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
            throw new InvalidOperationException();
        });
        await using (var loop = Build(ScriptedProposer.Counting("x"), runner, slots: 3, journal).Build())
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                loop.RunAsync(cancellationToken: cancel.Token).ToListAsync());
        Assert.Equal(3, journal.Events.OfType<ExperimentFinished>().Count(f => f.Result.Outcome == RunOutcome.Cancelled));
        Assert.Equal(StopReason.Cancelled, Assert.IsType<LoopStopped>(journal.Events[^1]).Reason);

        await using var again = Build(ScriptedProposer.Counting("x"), Loops.Score(_ => 10), slots: 3, journal).Build();
        await again.ResumeAsync(4, Stop).ToListAsync();
        Assert.Equal(4, again.History.ExperimentsFinished);
        Assert.Empty(again.History.Unfinished);
        Assert.All(again.History.Trials.Take(3), t => Assert.Equal(2, t.Runs[0].Experiment.Attempt));
    }

    [Fact]
    public async Task Resume_ParallelLoopKilledAtEveryPoint_LosesAndDoublesNothing()
    {
        var world = new SimulatedObjective(3.3e-4, new EffectDistribution(0.3, 0.2, 0.002, 0.0005, 0.001), seed: 4);
        async Task RunAsync(IJournal journal, FaultInjector faults)
        {
            await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(faults.Wrap((IHypothesisProposer)world))
                .RunWith(faults.Wrap((IExperimentRunner)world))
                .Configure(o => (o.BaselineRuns, o.FinalRuns, o.MaxTrials, o.MaxParallel, o.RetryDelay, o.MaxProposalRetries,
                    o.MaxInfrastructureRetries)
                    = (5, 2, 16, 4, TimeSpan.Zero, 0, 0))
                .RecordTo(faults.Wrap(journal)).WithTimeProvider(new FakeTimeProvider()).Resume().Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        }
        var counted = new FaultInjector();
        await RunAsync(new RecordingJournal(), counted);
        for (var point = 1; point <= counted.Points - 40; point++) // the order of a parallel loop varies, and so does its length
        {
            var first = new RecordingJournal();
            try
            {
                await RunAsync(first, new FaultInjector(point));
            }
            catch (InjectedFaultException)
            {
            }
            var second = new RecordingJournal(first.Events);
            await RunAsync(second, new FaultInjector());
            Assert.Equal(first.Events, second.Events.Take(first.Events.Count));
            var results = second.Events.OfType<ExperimentFinished>()
                .Where(f => f.Result.Outcome != RunOutcome.InfrastructureFailure);
            Assert.Equal(results.Count(), results.Select(f => f.ExperimentId).Distinct().Count());
            var history = second.History;
            Assert.Empty(history.Unfinished);
            Assert.Empty(history.Pending);
            Assert.InRange(history.Trials.Count, 16, 40); // merged ideas come on top
            // Every accepted idea is in the final candidate, or was measured again and refused.
            foreach (var trial in history.Trials.Where(t => t.Verdict is Accept))
                Assert.True(trial.RebasedAs is not null || history.Incumbents.Any(i => i.Trial == trial.Number));
        }
    }

    /// <summary>A runner whose two ideas begin together; the second ends only after the first has become the incumbent.</summary>
    private sealed class Release(string[] order, Func<Candidate, double>? loss = null, Func<Experiment, string>? by = null)
    {
        private readonly TaskCompletionSource _begun = new();
        private readonly TaskCompletionSource _advanced = new();
        private int _waiting;

        public ScriptedRunner Runner => new(async (e, _, token) =>
        {
            var idea = (by ?? (x => x.Candidate.Parameters["x"] != 0 ? "x" : "y"))(e);
            if (e.Purpose == RunPurpose.Screen && e.Trial <= 2)
            {
                if (Interlocked.Increment(ref _waiting) == 2) _begun.SetResult();
                await (idea == order[0] ? _begun : _advanced).Task.WaitAsync(token);
            }
            return Loops.Completed((loss ?? Loss)(e.Candidate));
        });

        public async Task RunAsync(ResearchLoop loop)
        {
            await foreach (var e in loop.RunAsync(cancellationToken: Stop))
            {
                if (e is IncumbentAdvanced) _advanced.TrySetResult();
            }
        }
    }
}
