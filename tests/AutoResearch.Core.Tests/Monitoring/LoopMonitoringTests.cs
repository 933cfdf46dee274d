using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class LoopMonitoringTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Signals when the training loss of a run exceeds a limit, whatever the run is for.</summary>
    private sealed class Limit(MonitorSignalKind kind, double limit = 5) : IRunMonitor
    {
        public RunWatch? Watch(MonitoredRun run) => m =>
            m.Metric == "train_loss" && m.Value > limit ? new(kind, $"{m.Value} is more than {limit}") : null;
    }

    /// <summary>
    /// Reports ten measurements of a training loss that is the parameter, heeds the token, and scores the parameter.
    /// </summary>
    private static ScriptedRunner Reporting(
        Func<Experiment, double>? loss = null, Action<Experiment, IRunSteering>? steer = null) =>
        new((e, progress, token) =>
        {
            if (progress is IRunSteering start) steer?.Invoke(e, start);
            for (var i = 1; i <= 10; i++)
            {
                progress!.Report(
                    new Measurement("train_loss", loss?.Invoke(e) ?? Loops.X(e), i, TimeSpan.FromSeconds(i), i / 10.0));
                if (progress is IRunSteering steering) steer?.Invoke(e, steering);
                token.ThrowIfCancellationRequested();
            }
            return Task.FromResult(Loops.Completed(Loops.X(e)));
        });

    private static async Task<(ResearchHistory History, List<ResearchEvent> Events)> RunAsync(
        IExperimentRunner runner, IRunMonitor monitor, Action<ResearchLoopBuilder>? configure = null,
        IHypothesisProposer? proposer = null, int start = 0)
    {
        var builder = Loops.Build(proposer ?? ScriptedProposer.Counting("x"), runner,
            problem: Loops.Problem with { Baseline = Candidate.Of(("x", start)) })
            .MonitorWith(monitor).Configure(o => o.MaxTrials = 3);
        configure?.Invoke(builder);
        await using var loop = builder.Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        return (loop.History, events);
    }

    [Fact]
    public async Task Behind_ScreeningRun_IsStoppedRejectedAndNeverAScore()
    {
        var (history, _) = await RunAsync(Reporting(e => e.Trial * 3), new Limit(MonitorSignalKind.Behind));
        var stopped = history.Trials[1].Runs.Single();
        Assert.Equal(RunOutcome.Stopped, stopped.Result.Outcome);
        Assert.Null(stopped.Result.Score(history.Problem.Objective));
        Assert.Equal("6 is more than 5", stopped.Result.Message);
        var done = Assert.Single(stopped.Result.Interventions!);
        Assert.Equal((RunActionKind.Stop, 1L, 0.1), (done.Action.Kind, done.Step, done.Progress!.Value));
        Assert.Contains("the screening run ended as Stopped: 6 is more than 5",
            Assert.IsType<Reject>(history.Trials[1].Verdict).Reason, StringComparison.Ordinal);
        Assert.Equal(1L, stopped.Result.Usage.Steps);
        Assert.Equal(RunOutcome.Completed, history.Trials[0].Runs.Single().Result.Outcome);
        Assert.Null(history.Trials[0].Runs.Single().Result.Interventions);
        Assert.Equal(10, history.Trials[0].Runs.Single().Result.Curve!.Count); // kept, so that later runs can be compared with it
    }

    [Fact]
    public async Task Behind_StoppedRuns_GiveTheirBudgetBack()
    {
        var runner = Reporting(e => e.Trial == 0 ? 1 : 9); // every idea is stopped after a tenth
        var (history, _) = await RunAsync(runner, new Limit(MonitorSignalKind.Behind),
            b => b.Configure(o => (o.MaxTrials, o.MaxExperiments) = (null, 3)));
        Assert.Equal(0.9 * history.Trials.Count, history.ExperimentsReturned, 9);
        Assert.Equal(21, history.ExperimentsStarted); // 1 + 20 · 0.1
        var (plain, _) = await RunAsync(runner, new NonFiniteMonitor(),
            b => b.Configure(o => (o.MaxTrials, o.MaxExperiments) = (null, 3)));
        Assert.Equal(3, plain.ExperimentsStarted);
    }

    [Theory]
    [InlineData(MonitorSignalKind.Behind, RunOutcome.Completed)]
    [InlineData(MonitorSignalKind.Plateau, RunOutcome.Completed)]
    [InlineData(MonitorSignalKind.Unstable, RunOutcome.Completed)]
    [InlineData(MonitorSignalKind.Diverged, RunOutcome.Diverged)]
    [InlineData(MonitorSignalKind.Memory, RunOutcome.Stopped)]
    public async Task AnySignal_RunThatIsNoScreening_IsOnlyStoppedWhereNoScoreCanCome(MonitorSignalKind kind, RunOutcome expected)
    {
        var (history, _) = await RunAsync(Reporting(e => e.Trial == 0 ? 9 : 1), new Limit(kind));
        Assert.Equal(expected, history.BaselineRuns[0].Result.Outcome);
    }

    [Fact]
    public async Task Behind_RunThatEndsBeforeItCanBeStopped_Counts()
    {
        var deaf = new ScriptedRunner((e, progress, _) =>
        {
            progress!.Report(new("train_loss", e.Trial == 0 ? 1 : 9));
            return Task.FromResult(Loops.Completed(-e.Trial));
        });
        var (history, _) = await RunAsync(deaf, new Limit(MonitorSignalKind.Behind));
        Assert.All(history.Trials, t => Assert.IsType<Accept>(t.Verdict));
        Assert.All(history.Trials, t => Assert.Null(t.Runs.Single().Result.Interventions));
        Assert.Equal(0, history.ExperimentsReturned);
    }

    [Fact]
    public async Task Machine_SlowRun_IsMadeAgainAndCountsOnlyWhenSlowEveryTime()
    {
        var runner = Reporting(e => e.Trial == 1 && e.Attempt == 1 || e.Trial == 2 ? 9 : 1);
        var (history, _) = await RunAsync(runner, new Limit(MonitorSignalKind.Machine),
            b => b.Configure(o => o.MaxContentionRetries = 2));
        Assert.Equal(RunOutcome.Completed, history.Trials[0].Runs.Single().Result.Outcome);
        var slow = history.Trials[1].Runs.Single();
        Assert.Equal((RunOutcome.Stopped, 3), (slow.Result.Outcome, slow.Experiment.Attempt));
        Assert.Contains("in 3 attempts in a row", slow.Result.Message, StringComparison.Ordinal);
        Assert.Equal(3, history.Setbacks.Count);
        Assert.All(history.Setbacks, r => Assert.Equal(RunOutcome.Contended, r.Result.Outcome));
    }

    [Fact]
    public async Task Contention_CompletedRun_IsMadeAgainAndNeverCarriesAnAcceptAlone()
    {
        // Trial 1 is disturbed once, trial 2 always; both look better than the incumbent.
        var runner = new ScriptedRunner(e => Loops.Completed(10 - Loops.X(e)) with
        {
            Contention = e.Trial == 2 || (e.Trial == 1 && e.Attempt == 1) ? "load 8 from outside" : null,
        });
        var (history, _) = await RunAsync(runner, new NonFiniteMonitor(),
            b => b.Configure(o => (o.MaxTrials, o.MaxContentionRetries) = (2, 1)));
        Assert.IsType<Accept>(history.Trials[0].Verdict);
        Assert.Equal(2, history.Trials[0].Runs.Single().Experiment.Attempt);
        var undecided = Assert.IsType<Indecisive>(history.Trials[1].Verdict);
        Assert.Contains("load 8 from outside", undecided.Reason, StringComparison.Ordinal);
        Assert.Equal(3, history.Trials[1].Runs.Count);
        Assert.Equal(1, history.State.Incumbent.Version);
        Assert.Equal(1 + 3, history.Setbacks.Count);
    }

    [Fact]
    public async Task Recover_UnstableRun_GoesBackOnceAndIsMarked()
    {
        var taken = new List<RunAction>();
        var healthy = false;
        var runner = Reporting(_ => healthy ? 1 : 9, (e, steering) =>
        {
            steering.Offer(RunAbilities.RollBack | RunAbilities.LowerLearningRate);
            if (steering.Take() is not { } action) return;
            taken.Add(action);
            healthy = true;
        });
        // The baseline is watched too, but never helped.
        var (history, _) = await RunAsync(runner, new Limit(MonitorSignalKind.Unstable),
            b => b.InterveneWith(InterventionPolicy.Recover(2, 0.25)).Configure(o => o.MaxTrials = 1));
        Assert.Equal(RunAction.RollBack(0.25), Assert.Single(taken));
        var run = history.Trials[0].Runs[0];
        Assert.True(run.Result.IsIntervened);
        Assert.Equal(RunOutcome.Completed, run.Result.Outcome);
        var done = Assert.Single(run.Result.Interventions!);
        Assert.Equal((MonitorSignalKind.Unstable, 0.25, 1L), (done.Signal.Kind, done.Action.LearningRateFactor, done.Step));
    }

    [Fact]
    public async Task Report_StoppedHelpedAndDisturbedRuns_AreAllTold()
    {
        var runner = new ScriptedRunner((e, progress, token) =>
        {
            var steering = (IRunSteering)progress!;
            steering.Offer(RunAbilities.RollBack);
            progress!.Report(new("train_loss", e.Trial is 1 or 2 && e.Purpose == RunPurpose.Screen ? 9 : 1, 7, default, 0.25));
            if (e.Trial == 1) steering.Take();
            token.ThrowIfCancellationRequested();
            return Task.FromResult(
                Loops.Completed(10 + e.Trial) with { Contention = e is { Trial: 3, Attempt: 1 } ? "a neighbour" : null });
        });
        var policy = new Choice();
        var (history, _) = await RunAsync(runner, new Limit(MonitorSignalKind.Unstable), b => b.InterveneWith(policy));
        var report = new ResearchReport(history).ToMarkdown();
        Assert.Contains("e0002 of trial 1: went back with learning rates × 0.5 at step 7 (9 is more than 5)", report,
            StringComparison.Ordinal);
        Assert.Contains("1 runs by monitors", report, StringComparison.Ordinal);
        Assert.Contains("budget for 0.8 experiments", report, StringComparison.Ordinal);
        Assert.Contains("1 attempts were made again, 0 results", report, StringComparison.Ordinal);
    }

    /// <summary>Helps trial 1 and ends the others.</summary>
    private sealed class Choice : InterventionPolicy
    {
        public override RunAction Decide(
            MonitorSignal signal, MonitoredRun run, RunAbilities abilities, IReadOnlyList<Intervention> earlier) =>
            run.Experiment.Trial == 1 ? RunAction.RollBack(0.5) : RunAction.Stop;
    }

    [Fact]
    public async Task Recover_AcceptOfAHelpedRun_NeedsARunWithoutHelp()
    {
        var helped = 0;
        ScriptedRunner Runner(bool goodAlone) => new((e, progress, token) =>
        {
            var steering = (IRunSteering)progress!;
            steering.Offer(RunAbilities.RollBack);
            progress!.Report(new("train_loss", e.Purpose == RunPurpose.Screen ? 9 : 1, 1));
            if (steering.Take() is not null) helped++;
            return Task.FromResult(Loops.Completed(e.Trial == 0 ? 10 : e.Purpose == RunPurpose.Screen || goodAlone ? 5 : 20));
        });
        foreach (var goodAlone in (bool[])[true, false])
        {
            helped = 0;
            var (history, events) = await RunAsync(Runner(goodAlone), new Limit(MonitorSignalKind.Unstable),
                b => b.InterveneWith(InterventionPolicy.Recover()).Configure(o => o.MaxTrials = 1));
            Assert.Equal(1, helped);
            Assert.Contains("has to be so without", events.OfType<TrialJudged>().First().Verdict.Reason,
                StringComparison.Ordinal);
            Assert.Equal([RunPurpose.Screen, RunPurpose.Confirm], history.Trials[0].Runs.Select(r => r.Experiment.Purpose));
            Assert.Equal(goodAlone, history.Trials[0].Verdict is Accept);
            // The helped run is no evidence
            if (goodAlone) Assert.Equal(5, Assert.Single(history.State.Incumbent.Runs).Result.Score(history.Problem.Objective));
        }
    }

    [Fact]
    public async Task Recover_TooManyTimesOrRunnerThatCannot_EndsTheRun()
    {
        var (stubborn, _) = await RunAsync(Reporting(_ => 9, (_, s) => { s.Offer(RunAbilities.RollBack); s.Take(); }),
            new Limit(MonitorSignalKind.Unstable),
            b => b.InterveneWith(InterventionPolicy.Recover(2)).Configure(o => o.MaxTrials = 1));
        Assert.Equal([RunActionKind.RollBack, RunActionKind.RollBack, RunActionKind.Stop],
            stubborn.Trials[0].Runs[0].Result.Interventions!.Select(i => i.Action.Kind));
        Assert.Equal(RunOutcome.Stopped, stubborn.Trials[0].Runs[0].Result.Outcome);

        var (unable, _) = await RunAsync(Reporting(_ => 9), new Limit(MonitorSignalKind.Unstable),
            b => b.InterveneWith(InterventionPolicy.Recover()).Configure(o => o.MaxTrials = 1));
        Assert.Equal(RunActionKind.Stop, Assert.Single(unable.Trials[0].Runs[0].Result.Interventions!).Action.Kind);
    }

    [Fact]
    public async Task Recover_RatesCanBeLoweredButNothingRolledBack_NaNEndsTheRun()
    {
        static ScriptedRunner Runner() => Reporting(_ => 9, (_, s) => { s.Offer(RunAbilities.LowerLearningRate); s.Take(); });
        var (spike, _) = await RunAsync(Runner(), new Limit(MonitorSignalKind.Unstable),
            b => b.InterveneWith(InterventionPolicy.Recover(1)).Configure(o => o.MaxTrials = 1));
        Assert.Equal(RunActionKind.LowerLearningRate, spike.Trials[0].Runs[0].Result.Interventions![0].Action.Kind);
        var (nan, _) = await RunAsync(Runner(), new Limit(MonitorSignalKind.Diverged),
            b => b.InterveneWith(InterventionPolicy.Recover(1)).Configure(o => o.MaxTrials = 1));
        Assert.Equal(RunOutcome.Diverged, nan.BaselineRuns[0].Result.Outcome); // and so did the baseline, which nobody helps
        Assert.Equal(StopReason.Failed, nan.Stop!.Reason);
    }

    [Fact]
    public async Task Progress_RunnerThatReportsNone_FollowsFromTheBudget()
    {
        var seen = new List<double?>();
        var monitor = new Recorder(seen);
        var runner = new ScriptedRunner((_, progress, _) =>
        {
            progress!.Report(new("train_loss", 1, 25, TimeSpan.FromSeconds(3)));
            return Task.FromResult(Loops.Completed(1));
        });
        foreach (var budget in (Budget[])[Budget.OfSteps(100), Budget.WallTime(TimeSpan.FromSeconds(12)), Budget.Unlimited])
        {
            await using var loop = Loops.Build(new ScriptedProposer(_ => null), runner,
                problem: Loops.Problem with { Budget = budget }).MonitorWith(monitor).Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        }
        Assert.Equal([0.25, 0.25, null], seen);
    }

    [Fact]
    public async Task Resume_KilledAtEveryPoint_StopsTheSameRunsAndDecidesTheSame()
    {
        static ResearchLoop Loop(FaultInjector faults, IJournal journal) => Loops.Build(
            faults.Wrap((IHypothesisProposer)ScriptedProposer.Counting("x")),
            faults.Wrap(Reporting(e => e.Trial % 2 == 1 ? 9 : Watched.Usual(0.3))), faults.Wrap(journal))
            .MonitorWith(new Limit(MonitorSignalKind.Behind), new IncumbentCurveMonitor(deviations: 0))
            .Configure(o => o.MaxExperiments = 4).Resume().Build();

        var whole = new RecordingJournal();
        var count = new FaultInjector();
        await using (var loop = Loop(count, whole)) await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Contains(whole.History.Trials, t => t.Runs.Any(r => r.Result.Outcome == RunOutcome.Stopped));
        for (var point = 1; point <= count.Points; point++)
        {
            var broken = new RecordingJournal();
            await using (var loop = Loop(new FaultInjector(point), broken))
                await Assert.ThrowsAnyAsync<InjectedFaultException>(() => loop.RunAsync(cancellationToken: Stop).ToListAsync());
            var resumed = new RecordingJournal(broken.Events);
            await using (var loop = Loop(new FaultInjector(), resumed))
                await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            Assert.Equal(Story(whole.History), Story(resumed.History));
        }

        static IEnumerable<string> Story(ResearchHistory h) =>
            h.Trials.Select(t => $"{t.Number} {t.Candidate!.Id} "
                + $"{string.Join(",", t.Runs.Select(r => $"{r.Result.Outcome} {r.Result.Message}"))} {t.Verdict!.Reason}")
                .Append($"{h.ExperimentsReturned:R}");
    }

    private sealed class Recorder(List<double?> seen) : IRunMonitor
    {
        public RunWatch? Watch(MonitoredRun run) => m =>
        {
            seen.Add(m.Progress);
            return null;
        };
    }
}
