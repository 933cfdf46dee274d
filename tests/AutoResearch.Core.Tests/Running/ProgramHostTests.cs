namespace AutoResearch.Tests;

/// <summary>Programs with a trusted side, and programs that are built first.</summary>
public sealed class ProgramHostTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("host-test-").FullName;

    public static bool HasShell => Core.Tests.Running.ProcessRunnerTests.HasShell;

    public static bool HasSandbox => BubblewrapSandboxTests.IsUsable;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private async Task<RunResult> RunAsync(string script, ProcessRunnerOptions options, double seconds = 20, bool source = false)
    {
        options.RunsDirectory = Path.Combine(_directory, "runs");
        options.KillGrace = TimeSpan.FromMilliseconds(500);
        await using var runner = new ProcessRunner(["/bin/sh", "-c", script], options);
        return await runner.RunAsync(new()
        {
            Id = "e0001",
            Candidate = new()
            {
                Source = source || options.Build is not null ? new SourceTree([new("main.sh", "echo 'val_bpb: 0.5'\n")]) : null,
            },
            Seed = 1, Budget = new() { Training = TimeSpan.FromMilliseconds(1), Wall = TimeSpan.FromSeconds(seconds) },
        }, null,
            TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Host_ProgramThatPrintsMetrics_HasTheHostsOnly()
    {
        var host = new Host(_directory, async (end, _) =>
        {
            await end;
            return RunResult.Complete(new Dictionary<string, double> { ["val_bpb"] = 0.9 });
        });
        var result = await RunAsync("echo 'val_bpb: 0.1'; echo 'other: 3'; echo \"told: $HOSTED\"", new() { Host = host });

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.Equal([new("val_bpb", 0.9)], result.Metrics);
        Assert.Contains("told: yes", result.LogTail, StringComparison.Ordinal);
        Assert.True(host.IsDisposed);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Host_HasItsResult_ProgramIsEnded()
    {
        var host = new Host(_directory, (_, _) => Task.FromResult(RunResult.Failure(RunOutcome.Invalid, "it cheats")));
        var result = await RunAsync("sleep 60", new() { Host = host });
        Assert.Equal((RunOutcome.Invalid, "it cheats"), (result.Outcome, result.Message));
        Assert.True(result.Usage.WallTime < TimeSpan.FromSeconds(10));
    }

    [Theory(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    [InlineData("echo 'val_bpb: 0.1'; echo boom; exit 3", RunOutcome.Crashed, "boom")]
    [InlineData("echo 'torch.OutOfMemoryError: CUDA out of memory.'; exit 1", RunOutcome.OutOfMemory, "memory")]
    [InlineData("echo 'val_bpb: 0.1'", RunOutcome.Crashed, "too early")]
    public async Task Host_ProgramEndsTooEarly_SaysWhy(string script, RunOutcome outcome, string message)
    {
        var host = new Host(_directory, async (end, _) =>
        {
            await end;
            return RunResult.Failure(RunOutcome.Crashed, "too early");
        });
        var result = await RunAsync(script, new() { Host = host });
        Assert.Equal(outcome, result.Outcome);
        Assert.Contains(message, result.Message, StringComparison.Ordinal);
        Assert.Empty(result.Metrics);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Host_WallTimeEnds_IsCancelled()
    {
        var cancelled = false;
        var host = new Host(_directory, async (_, stop) =>
        {
            try
            {
                await Task.Delay(Timeout.Infinite, stop);
            }
            finally
            {
                cancelled = true;
            }

            return null!;
        });
        var result = await RunAsync("sleep 60", new() { Host = host }, seconds: 0.4);
        Assert.Equal(RunOutcome.TimedOut, result.Outcome);
        Assert.True(cancelled);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Host_ThatCannotServeTheExperiment_MakesItInvalid()
    {
        var result = await RunAsync("true", new() { Host = new Host(_directory, null!) { Problem = "no such budget" } });
        Assert.Equal((RunOutcome.Invalid, "no such budget"), (result.Outcome, result.Message));
    }

    [Fact(SkipUnless = nameof(HasSandbox), Skip = "needs bubblewrap and user namespaces")]
    public async Task Host_SharedPaths_AreThereInTheSandbox()
    {
        var shared = Directory.CreateDirectory(Path.Combine(_directory, "shared")).FullName;
        var host = new Host(shared, async (end, _) =>
        {
            await end;
            return RunResult.Complete(
                new Dictionary<string, double> { ["lines"] = File.ReadAllLines(Path.Combine(shared, "answer")).Length });
        });
        var result = await RunAsync($"ls {_directory} | head -3; echo one > {shared}/answer", new() { Host = host },
            source: true);
        Assert.True(result.Outcome == RunOutcome.Completed, result.Message + result.LogTail);
        Assert.Equal(1, result.Metrics["lines"]);
    }

    [Fact(SkipUnless = nameof(HasSandbox), Skip = "needs bubblewrap and user namespaces")]
    public async Task Build_MakesTheProgram_AndItsHashIsThatOfTheResult()
    {
        var options = new ProcessRunnerOptions
        {
            Build = "/bin/sh -c 'grep -v \"^#\" main.sh > made.sh; echo val_bpb: 0.1'",
            ProgramFile = "made.sh",
        };
        var result = await RunAsync("sh made.sh", options);
        Assert.True(result.Outcome == RunOutcome.Completed, result.Message);
        Assert.Equal([new("val_bpb", 0.5)], result.Metrics);
        Assert.Equal(64, result.Hashes![NoOpGuard.ProgramHash].Length);
    }

    [Theory(SkipUnless = nameof(HasSandbox), Skip = "needs bubblewrap and user namespaces")]
    [InlineData("/bin/sh -c 'echo val_bpb: 0.1; echo error CS1002; exit 1'", RunOutcome.Crashed, "error CS1002")]
    [InlineData("/bin/sh -c 'sleep 60'", RunOutcome.TimedOut, "still running after 0.3 s")]
    public async Task Build_DoesNotSucceed_IsTheRunsEnd(string build, RunOutcome outcome, string message)
    {
        var result = await RunAsync("echo 'val_bpb: 0.2'", new() { Build = build, BuildTime = TimeSpan.FromSeconds(0.3) });
        Assert.Equal(outcome, result.Outcome);
        Assert.StartsWith("The build did not succeed.", result.Message, StringComparison.Ordinal);
        Assert.Contains(message, result.Message, StringComparison.Ordinal);
        Assert.Empty(result.Metrics);
    }

    private sealed class Host(string shared, Func<Task, CancellationToken, Task<RunResult>> serve) : IProgramHost, IProgramSession
    {
        public string? Problem { get; init; }

        public bool IsDisposed { get; private set; }

        public IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string> { ["HOSTED"] = "yes" };

        public IReadOnlyList<string> SharedPaths => [shared];

        public ValueTask<IProgramSession> OpenAsync(
            Experiment experiment, IProgress<Measurement>? progress, CancellationToken cancellationToken) =>
            Problem is null ? ValueTask.FromResult<IProgramSession>(this) : throw new ArgumentException(Problem);

        public Task<RunResult> ServeAsync(Task programEnd, CancellationToken cancellationToken) =>
            serve(programEnd, cancellationToken);

        public ValueTask DisposeAsync()
        {
            IsDisposed = true;
            return ValueTask.CompletedTask;
        }
    }
}
