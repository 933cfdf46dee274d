using System.Diagnostics;

namespace AutoResearch.Core.Tests.Running;

/// <summary>
/// Real programs, started by the shell: each test is about something that a timeout or a pipe gets wrong elsewhere.
/// </summary>
public sealed class ProcessRunnerTests : IDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);
    private readonly string _directory = Directory.CreateTempSubdirectory("process-runner-").FullName;
    private int _experiments;

    public static bool HasShell => !OperatingSystem.IsWindows() && File.Exists("/bin/sh");

    public static bool IsLinux => OperatingSystem.IsLinux() && File.Exists("/bin/sh");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    [InlineData("echo 'val_bpb:          0.997900'", RunOutcome.Completed)]
    [InlineData("echo '{\"val_bpb\": 0.9979, \"step\": 3}'", RunOutcome.Completed)]
    [InlineData("echo 'val_bpb: 5'; echo; echo 'val_bpb: 0.9979'", RunOutcome.Completed)]
    [InlineData("printf 'val_bpb: 0.9979'", RunOutcome.Completed)]
    [InlineData("echo 'val_bpb: 0.9'; echo boom >&2; exit 3", RunOutcome.Crashed)]
    [InlineData("echo 'accuracy: 0.9'", RunOutcome.Invalid)]
    [InlineData("echo 'val_bpb: nan'", RunOutcome.Diverged)]
    [InlineData("echo 'val_bpb: 0.5'; echo 'val_bpb: -nan'", RunOutcome.Diverged)]
    [InlineData("echo '{\"val_bpb\": 0.5}'; echo '{\"val_bpb\": NaN}'", RunOutcome.Diverged)]
    [InlineData("echo FAIL; echo 'val_bpb: 0.9'", RunOutcome.Diverged)]
    [InlineData("echo 'train_loss: nan'; echo 'val_bpb: 0.9'", RunOutcome.Diverged)]
    [InlineData("echo 'step 2 | loss: nan'; echo 'val_bpb: 0.9'", RunOutcome.Diverged)]
    [InlineData("echo 'step 1 | loss: nan'; echo 'step 2 | loss: 2.5'; echo 'grad_ratio: inf'; echo 'val_bpb: 0.9979'",
        RunOutcome.Completed)]
    [InlineData("echo 'train_loss: nan'; exit 1", RunOutcome.Diverged)]
    [InlineData("echo 'torch.OutOfMemoryError: CUDA out of memory.' >&2; exit 1", RunOutcome.OutOfMemory)]
    [InlineData("kill -KILL $$", RunOutcome.OutOfMemory)]
    [InlineData("echo FAIL; exit 1", RunOutcome.Diverged)]
    [InlineData("echo 'step 00012 (3.0%) | loss: nan | dt: 5ms'; exit 1", RunOutcome.Diverged)]
    [InlineData("sleep 60", RunOutcome.TimedOut)]
    public async Task RunAsync_Program_HasItsOutcome(string script, RunOutcome outcome)
    {
        await using var runner = Shell(script, new() { RequiredMetric = "val_bpb" });

        var result = await Run(runner, new Budget { Wall = TimeSpan.FromSeconds(outcome == RunOutcome.TimedOut ? 0.3 : 20) });

        Assert.Equal(outcome, result.Outcome);
        if (outcome == RunOutcome.Completed) Assert.Equal(0.9979, result.Metrics["val_bpb"], 9);
        else Assert.NotEmpty(result.Message!);
        Assert.Null(outcome == RunOutcome.Completed ? null : result.Score(Objective.Minimize("val_bpb")));
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_AutoresearchSummary_IsReadWithItsUsage()
    {
        await using var runner = Shell("printf 'step 00001 (50.0%%) | loss: 3.25 | lrm: 1.00\\rstep 00002 (100.0%%) | loss: "
            + "2.5\\n---\\nval_bpb:          0.9979\\ntraining_seconds: 300.1\\npeak_vram_mb:     45060.2\\nnum_steps:        "
            + "953\\ntotal_tokens_M:   499.6\\n'");
        var measurements = new Recorder();

        var result = await runner.RunAsync(Experiment(Budget.Unlimited), measurements, TestContext.Current.CancellationToken);

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.Equal(TimeSpan.FromSeconds(300.1), result.Usage.TrainingTime);
        Assert.Equal(953, result.Usage.Steps);
        Assert.Equal(499_600_000, result.Usage.Tokens);
        Assert.Equal((long)(45060.2 * 1048576), result.Usage.PeakMemoryBytes);
        Assert.Equal([(1L, 3.25, 0.5), (2L, 2.5, 1.0)], measurements.All.Select(m => (m.Step, m.Value, m.Progress!.Value)));
    }

    [Theory(SkipUnless = nameof(IsLinux), Skip = "the whole tree is found on Linux only")]
    [InlineData("sleep 61.25 & sleep 61.25 & wait")]
    [InlineData("trap '' TERM; (trap '' TERM; sleep 61.25) & while :; do sleep 0.05; done")]
    [InlineData("(setsid sh -c 'sleep 61.25 & sleep 61.25' >/dev/null 2>&1 &) ; sleep 61.25")]
    [InlineData("env -i PATH=\"$PATH\" setsid sleep 61.25 & sleep 61.25")]
    public async Task RunAsync_TimeIsOver_LeavesNobodyBehind(string script)
    {
        var mark = Mark();
        await using var runner = Shell(script.Replace("61.25", mark, StringComparison.Ordinal),
            new() { KillGrace = TimeSpan.FromMilliseconds(200) });

        var result = await Run(runner, Budget.WallTime(TimeSpan.FromSeconds(0.8)));

        Assert.Equal(RunOutcome.TimedOut, result.Outcome);
        Assert.Empty(Sleepers(mark));
    }

    [Fact(SkipUnless = nameof(IsLinux), Skip = "the whole tree is found on Linux only")]
    public async Task RunAsync_ProgramEnds_ItsDaemonsEndToo()
    {
        var mark = Mark();
        await using var runner = Shell($"(setsid sleep {mark} &) ; sleep {mark} & echo 'val_bpb: 1'");

        var result = await Run(runner, Budget.Unlimited);

        Assert.Equal(1, result.Score(Objective.Minimize("val_bpb")));
        Assert.Empty(Sleepers(mark));
    }

    [Fact(SkipUnless = nameof(IsLinux), Skip = "the whole tree is found on Linux only")]
    public async Task RunAsync_Cancelled_ThrowsAndLeavesNobodyBehind()
    {
        var mark = Mark();
        await using var runner = Shell($"echo started; sleep {mark}");
        using var stop = new CancellationTokenSource();
        var run = runner.RunAsync(Experiment(Budget.Unlimited), null, stop.Token);
        await Until(() => Sleepers(mark).Count > 0);

        await stop.CancelAsync();
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            run.WaitAsync(s_bound, TestContext.Current.CancellationToken));
        Assert.Empty(Sleepers(mark));
    }

    [Fact(SkipUnless = nameof(IsLinux), Skip = "the whole tree is found on Linux only")]
    public async Task DisposeAsync_WhileRunning_EndsTheProgram()
    {
        var mark = Mark();
        var runner = Shell($"sleep {mark}");
        var run = runner.RunAsync(Experiment(Budget.Unlimited), null, TestContext.Current.CancellationToken);
        await Until(() => Sleepers(mark).Count > 0);

        await runner.DisposeAsync();
        await runner.DisposeAsync();

        Assert.Empty(Sleepers(mark));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => run);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Run(runner, Budget.Unlimited));
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_FloodWithoutLineEnd_IsBoundedAndTheEndIsRead()
    {
        await using var runner = Shell("head -c 200000000 /dev/zero | tr '\\0' x; echo; echo 'val_bpb: 2'",
            new() { LogTailLength = 4096 });
        var before = GC.GetTotalMemory(forceFullCollection: true);

        var result = await Run(runner, Budget.Unlimited);

        Assert.Equal(2, result.Metrics["val_bpb"]);
        Assert.Equal(4096, result.LogTail!.Length);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 20_000_000);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_Environment_HasWhatIsAllowedOnly()
    {
        Environment.SetEnvironmentVariable("PROCESS_RUNNER_TEST_KEY", "secret");
        Environment.SetEnvironmentVariable("PROCESS_RUNNER_TEST_FLAG", "open");
        await using var runner = Shell("env", new() { AllowedEnvironment = { "PROCESS_RUNNER_TEST_FLAG" }, Environment =
            { ["OWN"] = "1" }, Parameters = ParameterPassing.Environment });

        var result = await Run(runner, new Budget { Training = TimeSpan.FromSeconds(7.5), Steps = 12 });

        Assert.DoesNotContain("secret", result.LogTail, StringComparison.Ordinal);
        foreach (var line in (string[])["PROCESS_RUNNER_TEST_FLAG=open", "OWN=1", "AUTORESEARCH_SEED=77",
            "AUTORESEARCH_TRAINING_SECONDS=7.5", "AUTORESEARCH_STEPS=12", "AUTORESEARCH_LR=0.5", "AUTORESEARCH_NAME=a b"])
            Assert.Contains(line, result.LogTail!.Split('\n'));
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_ResultOfAnEarlierRun_IsNotRead()
    {
        await using var runner = Shell("if test -f done; then echo 'val_bpb: 0.1'; fi; touch done; pwd",
            new() { TemplateDirectory = _directory });

        var first = await Run(runner, Budget.Unlimited);
        var second = await Run(runner, Budget.Unlimited);

        Assert.Empty(first.Metrics);
        Assert.Empty(second.Metrics);
        Assert.NotEqual(first.LogTail, second.LogTail);
        Assert.False(Directory.Exists(second.LogTail!.Trim()));
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_SourceFiles_LieOverTheTemplate()
    {
        File.WriteAllText(Path.Combine(_directory, "train.sh"), "echo 'val_bpb: 9'");
        File.WriteAllText(Path.Combine(_directory, "data.txt"), "4");
        var source = new SourceTree([new("train.sh", "echo \"val_bpb: $(cat data.txt)\""), new("lib/a.txt", "x")]);
        await using var runner = new ProcessRunner("sh train.sh",
            new() { TemplateDirectory = _directory, Sandbox = Sandbox.None("a test") });

        var result = await runner.RunAsync(Experiment(Budget.Unlimited) with { Candidate = new() { Source = source } }, null,
            TestContext.Current.CancellationToken);

        Assert.Equal(4, result.Metrics["val_bpb"]);
        Assert.Equal("echo 'val_bpb: 9'", File.ReadAllText(Path.Combine(_directory, "train.sh")));
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_Placeholders_AreFilledWithoutAShell()
    {
        await using var runner = new ProcessRunner("echo {lr} '{name}' \"{seed}\" {{}} {training_seconds};ls");

        var result = await Run(runner, Budget.TrainingTime(TimeSpan.FromSeconds(3)));

        Assert.Equal("0.5 a b 77 {{}} 3;ls", result.LogTail!.Trim());
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_ParameterCalledSeed_DoesNotReplaceTheSeed()
    {
        await using var runner = new ProcessRunner(["sh", "-c", "echo {seed} $AUTORESEARCH_SEED"],
            new() { Parameters = ParameterPassing.Environment });
        var experiment = Experiment(Budget.Unlimited) with { Candidate = Candidate.Of(("seed", 1)) };

        var result = await runner.RunAsync(experiment, null, TestContext.Current.CancellationToken);

        Assert.Equal("77 77", result.LogTail!.Trim());
    }

    [Fact]
    public async Task RunAsync_UnknownPlaceholder_IsInvalidAndNamesThoseThereAre()
    {
        await using var runner = new ProcessRunner("echo {learning_rate}");

        var result = await Run(runner, Budget.Unlimited);

        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains("{learning_rate}", result.Message, StringComparison.Ordinal);
        Assert.Contains("lr", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_NoSuchProgram_IsAFailureOfTheMachine()
    {
        await using var runner = new ProcessRunner("no-such-program-anywhere --x");

        var result = await Run(runner, Budget.Unlimited);

        Assert.Equal(RunOutcome.InfrastructureFailure, result.Outcome);
        Assert.Contains("no-such-program-anywhere", result.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(IsLinux), Skip = "memory is watched on Linux only")]
    public async Task RunAsync_OverTheMemoryBudget_IsOutOfMemory()
    {
        await using var runner = Shell("x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 30; echo $x | wc -c");

        var result = await Run(runner, new Budget { MemoryBytes = 30_000_000, Wall = TimeSpan.FromSeconds(25) });

        Assert.Equal(RunOutcome.OutOfMemory, result.Outcome);
    }

    [Fact(SkipUnless = nameof(IsLinux), Skip = "memory is watched on Linux only")]
    public async Task RunAsync_SharedMemory_CountsOnce()
    {
        // Four processes that share the 60 MB of the one they were forked from.
        await using var runner = Shell("x=$(head -c 60000000 /dev/zero | tr '\\0' x); (sleep 1; true) & (sleep 1; "
            + "true) & (sleep 1; true) & sleep 1; wait; echo 'val_bpb: 1'");

        var result = await Run(runner, new Budget { MemoryBytes = 400_000_000, Wall = TimeSpan.FromSeconds(25) });

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.InRange(result.Usage.PeakMemoryBytes!.Value, 50_000_000, 200_000_000);
    }

    [Fact(SkipUnless = nameof(IsLinux), Skip = "processor time is read on Linux only")]
    public async Task RunAsync_ProgramAndItsChildren_ProcessorTimeIsTold()
    {
        // The children compute and are gone when the tree is looked at; the program that waited for them has their time.
        await using var runner = Shell(
            "for i in 1 2; do sh -c 'i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done'; done; sleep 0.6; echo 'val_bpb: 1'");

        var result = await Run(runner, Budget.WallTime(TimeSpan.FromSeconds(25)));

        Assert.InRange(result.Usage.CpuTime!.Value, TimeSpan.FromSeconds(0.05),
            result.Usage.WallTime * Environment.ProcessorCount);
    }

    [Theory(SkipUnless = nameof(IsLinux), Skip = "needs /dev/full")]
    [InlineData(0, RunOutcome.InfrastructureFailure)]
    [InlineData(1L << 30, RunOutcome.Crashed)]
    public async Task RunAsync_NoSpaceLeft_IsTheMachinesFailureOnlyIfTheDiskIsFull(long free, RunOutcome outcome)
    {
        await using var runner = Shell(
            "cat /etc/hostname > /dev/full || { echo 'cat: write error: No space left on device' >&2; exit 1; }",
            new() { FreeSpace = _ => free });

        var result = await Run(runner, Budget.WallTime(TimeSpan.FromSeconds(25)));

        Assert.Equal(outcome, result.Outcome);
        Assert.Contains("No space left", result.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_TrainingTimeAndAllowanceOver_IsTimedOutWithWhatItReported()
    {
        await using var runner = Shell("echo 'val_bpb: 1'; sleep 60",
            new() { StartupAllowance = TimeSpan.FromSeconds(0.2), KillGrace = TimeSpan.Zero });

        var result = await Run(runner, Budget.TrainingTime(TimeSpan.FromSeconds(0.3)));

        Assert.Equal(RunOutcome.TimedOut, result.Outcome);
        Assert.Contains("after 0.5 s", result.Message, StringComparison.Ordinal);
        Assert.Equal(1, result.Metrics["val_bpb"]);
        Assert.Null(result.Score(Objective.Minimize("val_bpb")));
        Assert.InRange(result.Usage.WallTime, TimeSpan.FromSeconds(0.5), s_bound);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_EightAtOnce_DoNotMixTheirResults()
    {
        await using var runner = new ProcessRunner(["sh", "-c", "sleep 0.1; echo \"val_bpb: {n}\""]);
        var token = TestContext.Current.CancellationToken;

        var results = await Task.WhenAll(Enumerable.Range(1, 8).Select(n =>
            runner.RunAsync(Experiment(Budget.Unlimited) with { Candidate = Candidate.Of(("n", n)) }, null, token)));

        Assert.Equal(Enumerable.Range(1, 8).Select(n => (double)n), results.Select(r => r.Metrics["val_bpb"]));
    }

    [Fact]
    public async Task RunAsync_BudgetOfZero_IsRefused()
    {
        await using var runner = new ProcessRunner("echo");
        await Assert.ThrowsAsync<ArgumentException>(() => Run(runner, new Budget { Wall = TimeSpan.Zero }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("echo 'open")]
    public void Constructor_ImpossibleCommand_Throws(string command) =>
        Assert.ThrowsAny<ArgumentException>(() => new ProcessRunner(command));

    [Fact]
    public void Constructor_MissingDirectory_NamesIt()
    {
        var e = Assert.Throws<ArgumentException>(() => new ProcessRunner("echo", new() { WorkingDirectory = "/no/such/place" }));
        Assert.Contains("/no/such/place", e.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task RunAsync_RunsDirectoryCannotBeMade_IsAFailureOfTheMachine()
    {
        var file = Path.Combine(_directory, "file");
        File.WriteAllText(file, "");
        await using var runner = Shell("echo", new() { RunsDirectory = Path.Combine(file, "runs") });

        var result = await Run(runner, Budget.Unlimited);

        Assert.Equal(RunOutcome.InfrastructureFailure, result.Outcome);
        Assert.Contains(file, result.Message, StringComparison.Ordinal);
    }

    private static ProcessRunner Shell(string script, ProcessRunnerOptions? options = null) =>
        new(["/bin/sh", "-c", script], options);

    private async Task<RunResult> Run(ProcessRunner runner, Budget budget) =>
        await runner.RunAsync(Experiment(budget), null, TestContext.Current.CancellationToken)
            .WaitAsync(s_bound, TestContext.Current.CancellationToken);

    private Experiment Experiment(Budget budget) => new()
    {
        Id = $"e{++_experiments:D4}",
        Candidate = Candidate.Of(("lr", 0.5), ("name", "a b")),
        Seed = 77,
        Budget = budget,
    };

    // A time to sleep that no other process sleeps, so that its sleepers can be told from others.
    private static string Mark() => $"6{Random.Shared.Next(100, 999)}.{Random.Shared.Next(100000, 999999)}";

    private static List<string> Sleepers(string mark) =>
        [.. Directory.EnumerateDirectories("/proc").Where(d => char.IsDigit(Path.GetFileName(d)[0])).Select(Arguments)
            .Where(a => a.Contains($"sleep\0{mark}", StringComparison.Ordinal))];

    private static string Arguments(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < s_bound, "it never happened");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private sealed class Recorder : IProgress<Measurement>
    {
        public List<Measurement> All { get; } = [];

        public void Report(Measurement value) => All.Add(value);
    }
}
