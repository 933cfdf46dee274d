using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class RunnerPoolTests
{
    private static readonly Experiment s_experiment =
        new() { Id = "e0001", Candidate = Candidate.Of(("x", 1)), Seed = 1, Budget = Budget.Unlimited };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_MoreExperimentsThanRunners_EachRunnerHasOneAtATime()
    {
        var (busy, clash) = (new int[3], false);
        var pool = new RunnerPool(Enumerable.Range(0, 3).Select(device => new ScriptedRunner(async (_, _, token) =>
        {
            if (Interlocked.Increment(ref busy[device]) > 1) clash = true;
            await Task.Yield();
            Interlocked.Decrement(ref busy[device]);
            return Loops.Completed(device);
        })));
        Assert.Equal(3, pool.Count);
        var results = await Task.WhenAll(
            Enumerable.Range(0, 60).Select(_ => Task.Run(() => pool.RunAsync(s_experiment, null, Stop), Stop)));
        Assert.False(clash);
        Assert.Equal(60, results.Length);
    }

    [Fact]
    public async Task RunAsync_RunnerThrows_IsFreeAgain()
    {
        var calls = 0;
        var pool = new RunnerPool(new ScriptedRunner((_, _, _) =>
            ++calls == 1 ? throw new IOException("device lost") : Task.FromResult(Loops.Completed(1))));
        await Assert.ThrowsAsync<IOException>(() => pool.RunAsync(s_experiment, null, Stop));
        Assert.Equal(RunOutcome.Completed, (await pool.RunAsync(s_experiment, null, Stop)).Outcome);
    }

    [Fact]
    public async Task RunAsync_CancelledWhileWaiting_Ends()
    {
        var hold = new TaskCompletionSource<RunResult>();
        var pool = new RunnerPool(new ScriptedRunner((_, _, _) => hold.Task));
        var first = pool.RunAsync(s_experiment, null, Stop);
        using var cancel = new CancellationTokenSource();
        var second = pool.RunAsync(s_experiment, null, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        hold.SetResult(Loops.Completed(1));
        await first;
    }

    [Fact]
    public void Constructor_NoRunner_IsRefused() => Assert.Contains("at least one",
        Assert.Throws<ArgumentException>(() => new RunnerPool()).Message, StringComparison.Ordinal);
}
