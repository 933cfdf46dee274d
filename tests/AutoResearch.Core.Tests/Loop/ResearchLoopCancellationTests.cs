using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ResearchLoopCancellationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_CancelledDuringARun_RecordsItHandsOutTheEndAndThrows()
    {
        using var cancel = new CancellationTokenSource();
        var journal = new RecordingJournal();
        var runner = Endless();
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, journal).Build();
        var seen = new List<ResearchEvent>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var e in loop.RunAsync(cancellationToken: cancel.Token))
            {
                seen.Add(e);
                if (e is not ExperimentStarted { Experiment.Trial: 1 }) continue;
                await cancel.CancelAsync();
                await cancel.CancelAsync(); // twice is fine
            }
        });
        Assert.Equal(RunOutcome.Cancelled, Assert.IsType<ExperimentFinished>(seen[^2]).Result.Outcome);
        Assert.Equal(StopReason.Cancelled, seen.Stop().Reason);
        Assert.Equal(journal.Events, seen);
        Assert.True(loop.History.Trials[0].IsPending);
        Assert.Empty(loop.History.Trials[0].Runs);
    }

    [Fact]
    public async Task RunAsync_CancelledAndRunAgain_TheCutOffExperimentIsMadeUpFor()
    {
        using var cancel = new CancellationTokenSource();
        var runner = Endless(unless: e => e.Attempt > 1);
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Build();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var e in loop.RunAsync(cancellationToken: cancel.Token))
            {
                if (e is ExperimentStarted { Experiment.Trial: 1 }) await cancel.CancelAsync();
            }
        });
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([("e0001", 1), ("e0002", 1), ("e0002", 2)], runner.Experiments.Select(e => (e.Id, e.Attempt)));
        Assert.IsType<Accept>(loop.History.Trials[0].Verdict);
    }

    [Fact]
    public async Task RunAsync_CancelledBeforeItBegins_LeavesNoTrace()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x), journal).Build();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            loop.RunAsync(cancellationToken: new CancellationToken(true)).ToListAsync());
        Assert.Empty(journal.Events);
        await loop.RunAsync(2, Stop).ToListAsync(); // and it can still be run
        Assert.Equal(2, loop.History.ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_CancelledWhileTheProposerThinks_Stops()
    {
        using var cancel = new CancellationTokenSource();
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(new Thinker(cancel), Loops.Score(x => x), journal).Build();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            loop.RunAsync(cancellationToken: cancel.Token).ToListAsync());
        Assert.Equal(StopReason.Cancelled, journal.Events.Stop().Reason);
    }

    [Fact]
    public async Task RunAsync_CancelledDuringAWaitForARetry_Stops()
    {
        using var cancel = new CancellationTokenSource();
        var clock = new FakeTimeProvider();
        var runner = ScriptedRunner.Results(RunResult.Failure(RunOutcome.InfrastructureFailure, "no"));
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, journal, clock: clock)
            .Configure(o => o.MaxRetryDelay = o.RetryDelay = TimeSpan.FromHours(1)).Build();
        var run = loop.RunAsync(cancellationToken: cancel.Token).ToListAsync();
        await clock.WaitForTimersAsync(1, Stop);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Equal(StopReason.Cancelled, journal.Events.Stop().Reason);
    }

    [Fact]
    public async Task RunAsync_RunnerIgnoresCancellation_EndsAfterTheGrace()
    {
        using var cancel = new CancellationTokenSource();
        var clock = new FakeTimeProvider();
        var never = new TaskCompletionSource<RunResult>();
        var journal = new RecordingJournal();
        var runner = new ScriptedRunner((_, _, _) => never.Task);
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, journal, clock: clock)
            .Configure(o => o.CancellationGrace = TimeSpan.FromSeconds(7)).Build();
        var run = loop.RunAsync(cancellationToken: cancel.Token).ToListAsync();
        await runner.WaitForStartAsync(1, Stop);
        await cancel.CancelAsync();
        await clock.WaitForTimersAsync(1, Stop);
        clock.Advance(TimeSpan.FromSeconds(7));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        var result = Assert.IsType<ExperimentFinished>(journal.Events[^2]).Result;
        Assert.Contains("did not stop within 00:00:07", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_ResultComesInSpiteOfCancellation_IsKept()
    {
        using var cancel = new CancellationTokenSource();
        var runner = new ScriptedRunner(async (_, _, token) =>
        {
            await Task.Delay(Timeout.Infinite, token)
                .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            return Loops.Completed(1); // it had just finished when it was told to stop
        });
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner).Build();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var e in loop.RunAsync(cancellationToken: cancel.Token))
            {
                if (e is ExperimentStarted) await cancel.CancelAsync();
            }
        });
        Assert.Single(loop.History.BaselineRuns);
        Assert.Equal(StopReason.Cancelled, loop.History.Stop!.Reason);
    }

    [Fact]
    public async Task RunAsync_EnumerationLeftEarly_TheRunIsCancelledAndTheEndRecorded()
    {
        var journal = new RecordingJournal();
        var runner = Endless();
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, journal).Build();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            if (e is ExperimentStarted { Experiment.Trial: 1 }) break;
        }
        Assert.Equal(StopReason.Cancelled, journal.Events.Stop().Reason);
        Assert.Equal(RunOutcome.Cancelled, Assert.IsType<ExperimentFinished>(journal.Events[^2]).Result.Outcome);
        Assert.False(journal.IsDisposed); // the caller's journal is the caller's to close
    }

    [Fact]
    public async Task RunAsync_LeftAfterTheLastEvent_NothingIsAdded()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), Loops.Score(x => x), journal).Build();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            if (e is LoopStopped) break;
        }
        Assert.Equal(StopReason.Exhausted, journal.Events.Stop().Reason);
        Assert.Single(journal.Events.OfType<LoopStopped>());
    }

    [Fact]
    public async Task DisposeAsync_DuringARun_StopsItAndEndsTheEnumeration()
    {
        var journal = new RecordingJournal();
        var runner = Endless();
        var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, journal).Build();
        var run = loop.RunAsync(cancellationToken: Stop).ToListAsync();
        await runner.WaitForStartAsync(2, Stop);
        await Task.WhenAll(loop.DisposeAsync().AsTask(), loop.DisposeAsync().AsTask());
        Assert.Equal(StopReason.Cancelled, journal.Events.Stop().Reason);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Throws<ObjectDisposedException>(() => loop.RunAsync(cancellationToken: Stop));
    }

    [Fact]
    public async Task DisposeAsync_WhileTheCallerHoldsAnEvent_DoesNotWaitForIt()
    {
        var journal = new RecordingJournal();
        var loop = Loops.Build(ScriptedProposer.Counting("x"), Endless(), journal).Build();
        var run = loop.RunAsync(cancellationToken: Stop).GetAsyncEnumerator(Stop);
        while (await run.MoveNextAsync() && run.Current is not ExperimentStarted { Experiment.Trial: 1 }) { }
        await loop.DisposeAsync();
        Assert.Equal(StopReason.Cancelled, journal.Events.Stop().Reason);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => { while (await run.MoveNextAsync()) { } });
    }

    /// <summary>The baseline completes; every other run goes on until it is cancelled.</summary>
    private static ScriptedRunner Endless(Func<Experiment, bool>? unless = null) => new(async (e, _, token) =>
    {
        if (e.Trial > 0 && unless?.Invoke(e) != true) await Task.Delay(Timeout.Infinite, token);
        return Loops.Completed(1 - Loops.X(e));
    });

    private sealed class Thinker(CancellationTokenSource cancel) : IHypothesisProposer
    {
        public async ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken)
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return null;
        }
    }
}
