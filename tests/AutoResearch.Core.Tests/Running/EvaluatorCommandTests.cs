namespace AutoResearch.Tests;

/// <summary>
/// Trainings that leave a file with a number in it, and an evaluator that reads it: what one of them can do to the other's score.
/// </summary>
public sealed class EvaluatorCommandTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("evaluator-test-").FullName;
    private readonly string _trusted;
    private readonly string _script;

    public EvaluatorCommandTests()
    {
        _trusted = Directory.CreateDirectory(Path.Combine(_directory, "trusted")).FullName;
        _script = Path.Combine(_trusted, "evaluate.sh");
        File.WriteAllText(_script, "read x < \"$1\"; echo \"val_bpb: $x\"\n");
        File.WriteAllText(Path.Combine(_trusted, "data.txt"), "text");
    }

    public static bool HasShell => Core.Tests.Running.ProcessRunnerTests.HasShell;

    public static bool HasSandbox => BubblewrapSandboxTests.IsUsable;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private ProcessRunner Runner(string train, EvaluatorCommand? evaluator = null) => new(["/bin/sh", "-c", train], new()
    {
        RunsDirectory = Path.Combine(_directory, "runs"), RequiredMetric = "val_bpb", Evaluator = evaluator ?? Evaluator(),
        KillGrace = TimeSpan.FromMilliseconds(200),
    });

    private EvaluatorCommand Evaluator(
        string? command = null, string artifact = "model", TimeSpan? time = null, long bytes = 1000) =>
        new(command ?? $"/bin/sh {_script} {{artifact}}", artifact)
        {
            Trusted = [_trusted],
            Time = time ?? TimeSpan.FromSeconds(20),
            MaximumArtifactBytes = bytes,
        };

    private static async Task<RunResult> RunAsync(ProcessRunner runner, SourceTree? source = null) => await runner.RunAsync(
        new()
        {
            Id = "e0001",
            Candidate = new() { Source = source },
            Seed = 1,
            Budget = Budget.WallTime(TimeSpan.FromSeconds(20)),
        },
        null, TestContext.Current.CancellationToken);

    private async Task<RunResult> RunAsync(string train, EvaluatorCommand? evaluator = null)
    {
        await using var runner = Runner(train, evaluator);
        return await RunAsync(runner);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Run_TrainingThatPrintsItsOwnScore_HasTheEvaluators()
    {
        var result = await RunAsync("echo 'val_bpb: 0.1'; echo 0.9 > model; echo 'bonus: 7'");

        Assert.True(result.Outcome == RunOutcome.Completed, result.Message);
        Assert.Equal(0.9, Assert.Single(result.Metrics).Value);
        Assert.Equal(["artifact", "evaluator"], result.Hashes!.Keys.Order());
        Assert.Contains("val_bpb: 0.1", result.LogTail, StringComparison.Ordinal);
        Assert.Contains("--- evaluator\nval_bpb: 0.9", result.LogTail, StringComparison.Ordinal);
        Assert.Equal(result.Hashes["artifact"], (await RunAsync("echo 0.9 > model")).Hashes!["artifact"]);
        Assert.NotEqual(result.Hashes["artifact"], (await RunAsync("echo 0.8 > model")).Hashes!["artifact"]);
    }

    [Theory(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    [InlineData("echo 'val_bpb: 0.1'", RunOutcome.Invalid, "left no 'model'")]
    [InlineData(": > model", RunOutcome.Invalid, "is empty")]
    [InlineData("ln -s /etc/hostname model", RunOutcome.Invalid, "is a link")]
    [InlineData("mkdir model; ln -s /etc/hostname model/weights", RunOutcome.Invalid, "link in the artifact")]
    [InlineData("mkfifo model", RunOutcome.Invalid, "not a regular file")]
    [InlineData("head -c 2000 /dev/zero > model", RunOutcome.Invalid, "MaximumArtifactBytes")]
    [InlineData("echo 'val_bpb: 0.1'; echo 0.9 > model; exit 3", RunOutcome.Crashed, "exit code 3")]
    [InlineData("echo nan > model", RunOutcome.Diverged, "nan")]
    [InlineData("echo none > model", RunOutcome.Invalid, "without the metric 'val_bpb'")]
    public async Task Run_Training_EndsInItsOutcomeAndHasNoScore(string train, RunOutcome outcome, string message)
    {
        var result = await RunAsync(train);

        Assert.True(outcome == result.Outcome, $"{result.Outcome}: {result.Message}");
        Assert.Contains(message, result.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Null(result.Score(Objective.Minimize("val_bpb")));
        Assert.False(result.Metrics.TryGetValue("val_bpb", out var value) && double.IsFinite(value));
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Run_ArtifactInADirectory_IsMovedWhole() =>
        Assert.Equal(0.7, (await RunAsync("mkdir -p out/model/deep; echo 0.7 > out/model/deep/x",
            Evaluator($"/bin/sh {_script} {{artifact}}/deep/x", "out/model"))).Metrics["val_bpb"]);

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Run_ArtifactBehindALink_IsInvalid()
    {
        var result = await RunAsync(
            $"mkdir {_directory}/elsewhere; echo 0.1 > {_directory}/elsewhere/model; ln -s {_directory}/elsewhere out",
            Evaluator(artifact: "out/model"));
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains("lies behind one", result.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(HasSandbox), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_ArtifactThatIsThereBefore_IsNotTakenForAResult()
    {
        await using var runner = Runner("true");
        var result = await RunAsync(runner, new SourceTree([new("model", "0.1\n")]));
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains("there before the training", result.Message, StringComparison.Ordinal);
    }

    [Theory(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    [InlineData("echo 'echo val_bpb: 0.1' > {0}/evaluate.sh", "evaluate.sh' was changed")]
    [InlineData("rm {0}/data.txt", "data.txt' was deleted")]
    [InlineData("echo x > {0}/sitecustomize.py", "sitecustomize.py' was added")]
    [InlineData("chmod 777 {0}/data.txt", "data.txt' was changed")]
    [InlineData("mv {0}/data.txt {0}/other; ln -s other {0}/data.txt", "data.txt' was changed")]
    public async Task Run_TrainingThatTampers_IsInvalidAndTheNextOneIsNotBlamed(string tamper, string message)
    {
        await using var runner = Runner($"echo 0.9 > model; {tamper.Replace("{0}", _trusted, StringComparison.Ordinal)}");
        var result = await RunAsync(runner);
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains(message, result.Message, StringComparison.Ordinal);
        Assert.Contains("during the training", result.Message, StringComparison.Ordinal);
        Assert.Empty(result.Metrics);

        var next = await RunAsync(runner);
        Assert.Equal(RunOutcome.InfrastructureFailure, next.Outcome);
        Assert.Contains(message, next.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(HasSandbox), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_TrainingThatTampersInTheSandbox_CannotEvenSeeTheEvaluator()
    {
        await using var runner = Runner($"ls {_trusted} || echo unseen; echo x > {_script} || echo unchanged; echo 0.9 > model");
        var result = await RunAsync(runner, new SourceTree([new("train.sh", "")]));
        Assert.True(result.Outcome == RunOutcome.Completed, result.Message);
        Assert.Equal(0.9, result.Metrics["val_bpb"]);
        Assert.Contains("unseen", result.LogTail, StringComparison.Ordinal);
        Assert.Contains("unchanged", result.LogTail, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    public async Task Run_DaemonThatRewritesTheArtifact_IsGoneBeforeTheEvaluation()
    {
        var result = await RunAsync(
            "echo 0.9 > model; (setsid sh -c 'sleep 0.3; echo 0.1 > model; sleep 30' >/dev/null 2>&1 &) ; exit 0",
            Evaluator($"/bin/sh -c 'sleep 0.6; read x < \"$0\"; echo val_bpb: $x' {{artifact}}"));
        Assert.Equal(0.9, result.Metrics["val_bpb"]);
    }

    [Theory(SkipUnless = nameof(HasShell), Skip = "needs /bin/sh")]
    [InlineData("/bin/sh -c 'echo val_bpb: 0.5; exit 4' {artifact}", RunOutcome.Invalid, "exit code 4")]
    [InlineData("/bin/sh -c 'sleep 30' {artifact}", RunOutcome.TimedOut, "still running after 0.5 s")]
    [InlineData("/nowhere/evaluate {artifact}", RunOutcome.InfrastructureFailure, "could not be started")]
    [InlineData("/bin/sh -c 'echo x > {trusted}/data.txt; echo val_bpb: 0.5'", RunOutcome.Invalid, "during the evaluation")]
    public async Task Run_EvaluatorThatFails_HasNoScore(string command, RunOutcome outcome, string message)
    {
        var result = await RunAsync("echo 0.9 > model",
            Evaluator(command.Replace("{trusted}", _trusted, StringComparison.Ordinal), time: TimeSpan.FromSeconds(0.5)));
        Assert.True(outcome == result.Outcome, $"{result.Outcome}: {result.Message}");
        Assert.Contains(message, result.Message, StringComparison.Ordinal);
        Assert.Null(result.Score(Objective.Minimize("val_bpb")));
    }

    [Theory]
    [InlineData("", "model")]
    [InlineData("evaluate", "")]
    [InlineData("evaluate", "../model")]
    [InlineData("evaluate", "/tmp/model")]
    public void Constructor_Senseless_Throws(string command, string artifact) =>
        Assert.ThrowsAny<ArgumentException>(() => new EvaluatorCommand(command, artifact));

    [Fact]
    public void Runner_TrustedFileThatIsMissing_IsNamed()
    {
        var e = Assert.Throws<ArgumentException>(() =>
            new ProcessRunner("x", new() { Evaluator = new("y", "model") { Trusted = ["/nowhere/data.bin"] } }));
        Assert.Contains("'/nowhere/data.bin'", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() =>
            new ProcessRunner("x", new() { Evaluator = new("y", "model") { Trusted = ["data.bin"] } }));
    }
}
