using AutoResearch.Testing;

namespace AutoResearch.Core.Tests.Running;

public sealed class DelegateRunnerTests
{
    private static readonly Experiment s_experiment =
        new() { Id = "e1", Candidate = Candidate.Of(("x", 3.0)), Seed = 5, Budget = Budget.Unlimited };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_Function_ReportsItsMetric()
    {
        var result = await new DelegateRunner("loss", p => p["x"].AsFloat() * 2).RunAsync(s_experiment, null, Token);

        Assert.Equal(6, result.Score(Objective.Minimize("loss")));
        Assert.True(result.Usage.WallTime > TimeSpan.Zero);
    }

    [Fact]
    public async Task RunAsync_Exception_IsACrash()
    {
        var result = await new DelegateRunner("loss", _ => throw new InvalidOperationException("broken")).RunAsync(s_experiment,
            null, Token);

        Assert.Equal(RunOutcome.Crashed, result.Outcome);
        Assert.Contains("broken", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_OutOfMemory_IsNotACrash()
    {
        var result = await new DelegateRunner("loss", _ => throw new InsufficientMemoryException("too big")).RunAsync(
            s_experiment, null, Token);
        Assert.Equal(RunOutcome.OutOfMemory, result.Outcome);
    }

    [Fact]
    public async Task RunAsync_TimeEnds_TokenIsCancelledAndTheRunTimesOut()
    {
        var clock = new FakeTimeProvider();
        var started = new TaskCompletionSource<RunContext>();
        var runner = new DelegateRunner(
            async Task<RunResult> (context, token) =>
            {
                started.SetResult(context);
                await Task.Delay(Timeout.Infinite, token);
                return null!;
            },
            clock);
        var run = runner.RunAsync(
            s_experiment with { Budget = new() { Training = TimeSpan.FromSeconds(10), Wall = TimeSpan.FromSeconds(4) } },
            null, Token);
        var context = await started.Task;

        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(1), context.Remaining);
        Assert.False(run.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(RunOutcome.TimedOut, (await run.WaitAsync(TimeSpan.FromSeconds(20), Token)).Outcome);
    }

    [Fact]
    public async Task RunAsync_TokenIgnored_GivesUpAfterTheGrace()
    {
        using var release = new ManualResetEventSlim();
        var runner = new DelegateRunner("loss", _ =>
        {
            release.Wait(TimeSpan.FromSeconds(20));
            return 1;
        })
        { Grace = TimeSpan.FromMilliseconds(20) };

        var result = await runner.RunAsync(s_experiment with { Budget = Budget.WallTime(TimeSpan.FromMilliseconds(20)) },
            null, Token);
        release.Set();

        Assert.Equal(RunOutcome.TimedOut, result.Outcome);
        Assert.Contains("background", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_Cancelled_Throws()
    {
        using var stop = new CancellationTokenSource();
        var runner = new DelegateRunner(async Task<RunResult> (_, token) =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
            return null!;
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => runner.RunAsync(s_experiment, null, stop.Token));
    }
}
