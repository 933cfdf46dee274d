using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ResearchLoopFailureTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(RunOutcome.Crashed)]
    [InlineData(RunOutcome.TimedOut)]
    [InlineData(RunOutcome.OutOfMemory)]
    [InlineData(RunOutcome.Diverged)]
    [InlineData(RunOutcome.Stopped)]
    [InlineData(RunOutcome.Invalid)]
    public async Task RunAsync_CandidateFails_RejectedWithTheOutcomeAndOneRun(RunOutcome outcome)
    {
        foreach (IRatchetAcceptor acceptor in (IRatchetAcceptor[])[new GreedyRatchet(), new ConfirmingRatchet()])
        {
            var runner = new ScriptedRunner(e => Loops.X(e) == 0 ? Loops.Completed(1)
                : RunResult.Failure(outcome, "step 12 went wrong") with
                {
                    Metrics = new Dictionary<string, double> { [Loops.Metric] = 0.1 },
                });
            await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).AcceptWith(acceptor)
                .Configure(o => o.BaselineRuns = 2).Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            var verdict = Assert.IsType<Reject>(Assert.Single(loop.History.Trials).Verdict);
            Assert.Contains(outcome.ToString(), verdict.Reason, StringComparison.Ordinal);
            Assert.Contains("step 12 went wrong", verdict.Reason, StringComparison.Ordinal);
            Assert.Equal(3, runner.Experiments.Count);
        }
    }

    [Theory]
    [InlineData(double.NaN, "The metric 'loss' is NaN")]
    [InlineData(double.PositiveInfinity, "The metric 'loss' is Infinity")]
    [InlineData(null, "without the metric 'loss'")]
    public async Task RunAsync_MetricIsNoScore_OutcomeIsNotCompletedAndSaysWhy(double? value, string expected)
    {
        var runner = new ScriptedRunner(e => Loops.X(e) == 0 ? Loops.Completed(1) : RunResult.Complete(value is { } v
            ? new Dictionary<string, double> { [Loops.Metric] = v } : new Dictionary<string, double> { ["accuracy"] = 0.5 }));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var result = events.OfType<ExperimentFinished>().Last().Result;
        Assert.Equal(value is null ? RunOutcome.Invalid : RunOutcome.Diverged, result.Outcome);
        Assert.Contains(expected, result.Message, StringComparison.Ordinal);
        if (value is null) Assert.Contains("accuracy", result.Message, StringComparison.Ordinal);
        Assert.Equal(0, loop.History.State.Incumbent.Version);
    }

    [Fact]
    public async Task RunAsync_GuardBroken_RejectedNamingTheLimit()
    {
        var problem = Loops.Problem with { Guards = [Guard.AtMost("memory", 10)] };
        var runner = new ScriptedRunner(e => RunResult.Complete(
            new Dictionary<string, double> { [Loops.Metric] = 1 - Loops.X(e), ["memory"] = 5 + (6 * Loops.X(e)) }));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner, problem: problem).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Contains("memory = 11 is above its limit 10", Assert.IsType<Reject>(events.Verdicts()[0]).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_GuardMetricNeverReported_StopsAfterTheBaseline()
    {
        var problem = Loops.Problem with { Guards = [Guard.AtMost("memory", 10)] };
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x), problem: problem).Build();
        var stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Failed, stop.Reason);
        Assert.Contains("'memory'", stop.Message, StringComparison.Ordinal);
        Assert.Empty(loop.History.Trials);
    }

    [Fact]
    public async Task RunAsync_BaselineFails_StopsAtOnceNamingOutcomeAndMessage_AndResumesWhenRepaired()
    {
        var broken = true;
        var runner = new ScriptedRunner(_ =>
            broken ? RunResult.Failure(RunOutcome.OutOfMemory, "80 GB are not enough") : Loops.Completed(1));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Configure(o => o.BaselineRuns = 3).Build();
        var stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Failed, stop.Reason);
        Assert.Contains("OutOfMemory: 80 GB are not enough", stop.Message, StringComparison.Ordinal);
        Assert.Single(runner.Experiments);
        broken = false;
        stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Exhausted, stop.Reason);
        Assert.Equal(3, loop.History.BaselineRuns.Count(r => r.Result.Score(Loops.Problem.Objective) is not null));
    }

    [Fact]
    public async Task RunAsync_BaselineFailsNowAndThen_GoesOn()
    {
        var runner = new ScriptedRunner(e =>
            e.Id == "e0002" ? RunResult.Failure(RunOutcome.Crashed, "rare") : Loops.Completed(1));
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), runner).Configure(o => o.BaselineRuns = 3).Build();
        Assert.Equal(StopReason.Exhausted, (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop().Reason);
        Assert.Equal(4, loop.History.BaselineRuns.Count);
    }

    [Fact]
    public async Task RunAsync_MachineFails_RetriedUnderTheSameIdAndNotHeldAgainstTheIdea()
    {
        var runner = new ScriptedRunner(e => (Loops.X(e), e.Attempt) is (1, < 3)
            ? RunResult.Failure(RunOutcome.InfrastructureFailure, "device lost") : Loops.Completed(1 - Loops.X(e)));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([("e0002", 1), ("e0002", 2), ("e0002", 3)], runner.Experiments.Skip(1).Select(e => (e.Id, e.Attempt)));
        Assert.Single(runner.Experiments.Skip(1).Select(e => e.Seed).Distinct());
        var trial = loop.History.Trials[0];
        Assert.IsType<Accept>(trial.Verdict);
        Assert.Single(trial.Runs);
        Assert.Equal(2, loop.History.Setbacks.Count);
        Assert.Equal(2, loop.History.ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_MachineStaysBroken_StopsWithTheTrialPending_AndResumeMakesUpForIt()
    {
        var broken = true;
        var runner = new ScriptedRunner(e => broken && Loops.X(e) == 1
            ? RunResult.Failure(RunOutcome.InfrastructureFailure, "no space left on device") : Loops.Completed(1 - Loops.X(e)));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner)
            .Configure(o => o.MaxInfrastructureRetries = 2).Build();
        var stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Failed, stop.Reason);
        Assert.Contains("failed 3 times in a row on e0002, the last time: no space left on device", stop.Message,
            StringComparison.Ordinal);
        Assert.True(loop.History.Trials[0].IsPending);
        broken = false;
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(("e0002", 4), runner.Experiments.Select(e => (e.Id, e.Attempt)).Last());
        Assert.IsType<Accept>(loop.History.Trials[0].Verdict);
    }

    [Fact]
    public async Task RunAsync_Retries_WaitLongerEachTime()
    {
        var clock = new FakeTimeProvider();
        var times = new List<TimeSpan>();
        var runner = new ScriptedRunner(_ =>
        {
            times.Add(clock.GetUtcNow() - clock.Start);
            return RunResult.Failure(RunOutcome.InfrastructureFailure, "no");
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), runner, clock: clock)
            .Configure(o => (o.RetryDelay, o.MaxRetryDelay) = (TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(25))).Build();
        var run = loop.RunAsync(cancellationToken: Stop).ToListAsync();
        foreach (var seconds in (int[])[10, 20, 25])
        {
            await clock.WaitForTimersAsync(1, Stop);
            clock.Advance(TimeSpan.FromSeconds(seconds));
        }
        Assert.Equal(StopReason.Failed, (await run).Stop().Reason);
        Assert.Equal([0, 10, 30, 55], times.Select(t => t.TotalSeconds));
    }

    [Fact]
    public async Task RunAsync_RunnerThrowsOrReturnsNothing_IsAFailureOfTheMachine()
    {
        var answers = new Queue<Func<Task<RunResult>>>(
        [
            () => throw new IOException("socket closed"),
            () => Task.FromException<RunResult>(new InvalidOperationException("later")),
            () => Task.FromResult<RunResult>(null!),
            () => null!,
            () => Task.FromResult(RunResult.Failure(RunOutcome.Cancelled, "who asked?")),
            () => Task.FromException<RunResult>(new OperationCanceledException()),
            () => Task.FromResult(Loops.Completed(1)),
        ]);
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), new ScriptedRunner((_, _, _) => answers.Dequeue()()))
            .Configure(o => o.MaxInfrastructureRetries = 6).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(StopReason.Exhausted, events.Stop().Reason);
        var failed = events.OfType<ExperimentFinished>().SkipLast(1).ToArray();
        Assert.Equal(6, failed.Length);
        Assert.All(failed, f => Assert.Equal(RunOutcome.InfrastructureFailure, f.Result.Outcome));
        Assert.Contains("IOException: socket closed", failed[0].Result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_ChangeDoesNotApply_RejectedWithoutARun()
    {
        var runner = Loops.Score(x => 1 + x);
        var proposer = new ScriptedProposer(s => s.NextTrial > 2 ? null : new Hypothesis
        {
            ParentId = s.NextTrial == 1 ? s.Incumbent.Candidate.Id : "nobody",
            Change = new SourceChange([new DeleteFile("train.py")]),
            Title = "delete it",
        });
        await using var loop = Loops.Build(proposer, runner).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Single(runner.Experiments);
        Assert.Contains("Cannot delete 'train.py'", Assert.IsType<Reject>(loop.History.Trials[0].Verdict).Reason,
            StringComparison.Ordinal);
        Assert.Contains("'nobody' is no candidate of this loop", Assert.IsType<Reject>(loop.History.Trials[1].Verdict).Reason,
            StringComparison.Ordinal);
        Assert.All(loop.History.Trials, t => Assert.Null(t.Candidate));
    }

    [Fact]
    public async Task RunAsync_Duplicates_AreNotRunAgainUnlessAllowed()
    {
        var runner = Loops.Score(x => 1 + x);
        var values = new ParameterValue[] { 1, 0, 1, 1 };
        var proposer = new ScriptedProposer(s => s.NextTrial > 4 ? null
            : ScriptedProposer.Set(s, "x", values[s.NextTrial - 1]) with { AllowRepeat = s.NextTrial == 4 });
        await using var loop = Loops.Build(proposer, runner).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([0, 1, 1], runner.Experiments.Select(Loops.X));
        Assert.Contains("identical to the baseline", loop.History.Trials[1].Verdict!.Reason, StringComparison.Ordinal);
        Assert.Contains("identical to the candidate of trial 1", loop.History.Trials[2].Verdict!.Reason,
            StringComparison.Ordinal);
        Assert.Single(loop.History.Trials[3].Runs);
    }

    [Fact]
    public async Task RunAsync_OnlyDuplicates_StopsAsExhausted()
    {
        var runner = Loops.Score(x => 1 + x);
        await using var loop = Loops.Build(new ScriptedProposer(s => ScriptedProposer.Set(s, "x", 1)), runner)
            .Configure(o => o.MaxTrialsWithoutRun = 6).Build();
        var stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Exhausted, stop.Reason);
        Assert.Equal(7, loop.History.Trials.Count);
        Assert.Contains("identical to the candidate of trial 1", stop.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_ProposerThrows_AskedAgainThenStopped()
    {
        var outages = 2;
        var proposer = new ScriptedProposer(s =>
            outages-- > 0 ? throw new HttpRequestException("529 overloaded") : ScriptedProposer.Set(s, "x", s.NextTrial));
        await using var loop = Loops.Build(proposer, Loops.Score(x => 1 + x)).Configure(o => o.MaxProposalRetries = 2).Build();
        Assert.Equal(StopReason.MaxExperiments, (await loop.RunAsync(2, Stop).ToListAsync()).Stop().Reason);
        outages = 3;
        var stop = (await loop.RunAsync(3, Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Failed, stop.Reason);
        Assert.Contains("failed 3 times in a row, the last time with HttpRequestException: 529 overloaded", stop.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_AcceptorWithoutSense_StopsWithTheTrialPending()
    {
        foreach (var (verdict, expected) in ((Verdict?, string)[])
            [(null, "no verdict"), (new NeedMore(Arm.Candidate, 0) { Reason = "?" }, "asked for 0 runs")])
        {
            await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => x))
                .AcceptWith(new Fixed(verdict!)).Build();
            var stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
            Assert.Equal(StopReason.Failed, stop.Reason);
            Assert.Contains(expected, stop.Message, StringComparison.Ordinal);
            Assert.True(loop.History.Trials[0].IsPending);
        }
    }

    [Fact]
    public async Task RunAsync_AcceptWithoutAScore_IsRefused()
    {
        var runner = new ScriptedRunner(e =>
            Loops.X(e) == 0 ? Loops.Completed(1) : RunResult.Failure(RunOutcome.Crashed, "boom"));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner)
            .AcceptWith(new Fixed(new Accept { Reason = "I like it" })).Build();
        var stop = (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop();
        Assert.Equal(StopReason.Failed, stop.Reason);
        Assert.Contains("a failure is never a score", stop.Message, StringComparison.Ordinal);
        Assert.Equal(0, loop.History.State.Incumbent.Version);
    }

    [Fact]
    public async Task RunAsync_AcceptorNeverSatisfied_IndecisiveAfterTheMostRuns()
    {
        var runner = Loops.Score(x => 1 - x);
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner)
            .AcceptWith(new Fixed(new NeedMore(Arm.Incumbent) { Reason = "more, more" }))
            .Configure(o => o.MaxRunsPerTrial = 5).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var verdict = Assert.IsType<Indecisive>(loop.History.Trials[0].Verdict);
        Assert.Contains("after 5 runs", verdict.Reason, StringComparison.Ordinal);
        Assert.Contains("more, more", verdict.Reason, StringComparison.Ordinal);
        Assert.Equal(6, runner.Experiments.Count);
    }

    private sealed class Fixed(Verdict verdict) : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(verdict);
    }
}
