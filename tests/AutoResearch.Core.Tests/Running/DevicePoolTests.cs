using System.Diagnostics;
using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class DevicePoolTests : IDisposable
{
    private static readonly Experiment s_experiment =
        new() { Id = "e0001", Candidate = Candidate.Of(("x", 1)), Seed = 1, Budget = Budget.Unlimited };

    private readonly string _directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
    }

    private DevicePool Pool(IExperimentRunner runner, params string[] devices) => new(devices.Select(d => (d, runner)))
    {
        Directory = _directory,
        PollInterval = TimeSpan.FromMilliseconds(1),
    };

    private FileLock? Take(string device, string kind = "lock", string? owner = null)
    {
        Directory.CreateDirectory(_directory);
        return FileLock.TryTake(Path.Combine(_directory, $"{device}.{kind}"),
            owner is null ? null : Path.Combine(_directory, $"{device}.owner"), owner ?? "");
    }

    /// <summary>Starts a run and returns when it waits, with what it waits for.</summary>
    private static async Task<(Task<RunResult> Run, string Holders)> StartAsync(
        DevicePool pool, CancellationToken token = default)
    {
        var waits = new TaskCompletionSource<string>();
        RunScope.Current = new(() => { }, what => waits.TrySetResult(what));
        var run = pool.RunAsync(s_experiment, null, token);
        RunScope.Current = null;
        return (run, await waits.Task.WaitAsync(Stop));
    }

    [Fact]
    public async Task RunAsync_TwoPoolsWithOneDevice_NeverRunAtOnce()
    {
        var (busy, clash, runs) = (0, false, 0);
        var runner = new ScriptedRunner(async (_, _, _) =>
        {
            if (Interlocked.Increment(ref busy) > 1) clash = true;
            await Task.Yield();
            Interlocked.Increment(ref runs);
            Interlocked.Decrement(ref busy);
            return Loops.Completed(1);
        });
        DevicePool[] pools = [Pool(runner, "gpu0"), Pool(runner, "gpu0")];
        await Task.WhenAll(
            Enumerable.Range(0, 20).Select(i => Task.Run(() => pools[i % 2].RunAsync(s_experiment, null, Stop), Stop)));
        Assert.False(clash);
        Assert.Equal(20, runs);
    }

    [Fact]
    public async Task RunAsync_OneOfTwoDevicesIsUsed_TakesTheOtherAndSaysWhich()
    {
        using var held = Take("gpu0");
        var result = await Pool(Loops.Score(_ => 1), "gpu0", "gpu1").RunAsync(s_experiment, null, Stop);
        Assert.Equal(("gpu1", "0.0"), (result.Device!["device"], result.Device["waited_seconds"]));
        Assert.Null(Take("gpu0"));
        Take("gpu1")!.Dispose(); // free again
        Take("gpu0", "next")!.Dispose(); // and nobody waits
    }

    [Fact]
    public async Task RunAsync_DeviceHeldByAnotherProcess_RunsOnceThatIsKilled()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/flock"), "needs flock");
        Take("gpu0")!.Dispose();
        using var other = Process.Start(new ProcessStartInfo("/usr/bin/flock",
            ["--close", Path.Combine(_directory, "gpu0.lock"), "cat"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        await other.StandardInput.WriteLineAsync("held");
        await other.StandardInput.FlushAsync(Stop);
        Assert.Equal("held", await other.StandardOutput.ReadLineAsync(Stop));
        var runner = Loops.Score(_ => 1);
        var (run, holders) = await StartAsync(Pool(runner, "gpu0"), Stop);
        Assert.Equal("gpu0 is used by another process", holders);
        Assert.Empty(runner.Experiments);
        other.Kill(); // SIGKILL, to the one process that holds it
        Assert.Equal(RunOutcome.Completed, (await run).Outcome);
    }

    [Fact]
    public async Task RunAsync_ManyRunsOfAnotherLoop_WaitsForOneOfThemOnly()
    {
        var first = new TaskCompletionSource<RunResult>();
        var order = new List<string>();
        DevicePool greedy = Pool(new ScriptedRunner((_, _, _) =>
        {
            lock (order) order.Add("greedy");
            return order.Count == 1 ? first.Task : Task.FromResult(Loops.Completed(1));
        }), "gpu0"), patient = Pool(new ScriptedRunner(_ =>
        {
            lock (order) order.Add("patient");
            return Loops.Completed(1);
        }), "gpu0");
        var run = greedy.RunAsync(s_experiment, null, Stop);
        var (waiting, holders) = await StartAsync(patient, Stop);
        Assert.StartsWith($"gpu0 is used by process {Environment.ProcessId} (", holders, StringComparison.Ordinal);
        Assert.Contains(", for e0001 since ", holders, StringComparison.Ordinal);
        first.SetResult(Loops.Completed(1));
        await run;
        for (var i = 0; i < 20; i++) await greedy.RunAsync(s_experiment, null, Stop);
        await waiting;
        Assert.Equal(["greedy", "patient"], order.Take(2));
    }

    [Fact]
    public async Task RunAsync_CancelledWhileWaiting_EndsAndLeavesItsPlace()
    {
        using var held = Take("gpu0");
        var runner = Loops.Score(_ => 1);
        using var cancel = new CancellationTokenSource();
        var (run, _) = await StartAsync(Pool(runner, "gpu0"), cancel.Token);
        Assert.Null(Take("gpu0", "next"));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Empty(runner.Experiments);
        Take("gpu0", "next")!.Dispose();
    }

    [Fact]
    public async Task RunAsync_PatienceEnds_IsAFailureOfTheMachineThatNamesTheHolder()
    {
        using var held = Take("gpu0", owner: ", for e0007");
        var pool = new DevicePool(("gpu0", Loops.Score(_ => 1))) { Directory = _directory, Patience = TimeSpan.Zero };
        var result = await pool.RunAsync(s_experiment, null, Stop);
        Assert.Equal(RunOutcome.InfrastructureFailure, result.Outcome);
        Assert.Matches(@"^No device was free within 00:00:00: gpu0 is used by process \d+ \(.*\) on .*, for e0007\.$",
            result.Message);
    }

    [Fact]
    public async Task RunAsync_RunnerThrows_DeviceIsFreeAgain()
    {
        await Assert.ThrowsAsync<IOException>(() => Pool(new ScriptedRunner((_, _, _) => throw new IOException("device lost")),
            "gpu0").RunAsync(s_experiment, null, Stop));
        Take("gpu0")!.Dispose();
        Assert.False(File.Exists(Path.Combine(_directory, "gpu0.owner")));
    }

    [Fact]
    public async Task RunAsync_InALoop_TheWaitIsNoPartOfTheRun()
    {
        var clock = new FakeTimeProvider();
        var held = Take("gpu0");
        var pool = new DevicePool(("gpu0", Loops.Score(_ => 1))) { Directory = _directory, TimeProvider = clock };
        await using var loop = Loops.Build(new ScriptedProposer(_ => null), pool, clock: clock).Build();
        var events = Task.Run(() => loop.RunAsync(cancellationToken: Stop).ToListAsync(), Stop);
        while (Take("gpu0", "next") is { } notYet)
        {
            notYet.Dispose();
            await Task.Delay(1, Stop);
        }
        clock.Advance(TimeSpan.FromMinutes(10));
        held!.Dispose();
        while (!events.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(0.1));
            await Task.Delay(1, Stop);
        }
        await events;
        var result = loop.History.BaselineRuns[0].Result;
        Assert.True(double.Parse(result.Device!["waited_seconds"], System.Globalization.CultureInfo.InvariantCulture) >= 600);
        Assert.True(result.Usage.WallTime < TimeSpan.FromMinutes(5), result.Usage.WallTime.ToString());
    }

    [Fact]
    public async Task RunAsync_LocksThatKeepNobodyOut_AreNotedAtOnce()
    {
        var count = 0;
        var runner = Loops.Score(_ => 1);
        var pool = new DevicePool(("gpu0", runner))
        {
            Directory = _directory, // where each file is another one
            TryTake = (path, owner, note) => FileLock.TryTake($"{path}{count++}", owner, note),
        };
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => pool.RunAsync(s_experiment, null, Stop));
        Assert.Contains("on a local disk", e.Message, StringComparison.Ordinal);
        Assert.Empty(runner.Experiments);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("gpu 0")]
    public void Constructor_BadName_IsRefused(string device) => Assert.Contains($"'{device}' is no name",
        Assert.Throws<ArgumentException>(() => new DevicePool((device, Loops.Score(_ => 1)))).Message, StringComparison.Ordinal);

    [Fact]
    public void Constructor_NoDeviceOrOneTwice_IsRefused()
    {
        Assert.Contains("at least one", Assert.Throws<ArgumentException>(() => new DevicePool()).Message,
            StringComparison.Ordinal);
        Assert.Contains("occurs twice", Assert.Throws<ArgumentException>(() => Pool(Loops.Score(_ => 1), "gpu0", "GPU0")).Message,
            StringComparison.Ordinal);
        Assert.Equal(2, Pool(Loops.Score(_ => 1), "gpu0", "gpu1").Count);
    }
}
