namespace AutoResearch.Tests;

public sealed class SandboxTests
{
    private static readonly SourceTree s_source = new([new("train.sh", "echo 'loss: 1'")]);

    [Fact]
    public async Task ProcessRunner_SourceCandidateWithoutASandbox_IsRefusedAndSaysHowToOptOut()
    {
        Assert.SkipWhen(BubblewrapSandboxTests.IsUsable, "there is a sandbox here");
        await using var runner = new ProcessRunner("sh train.sh");

        var result = await runner.RunAsync(Experiment(s_source), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(RunOutcome.InfrastructureFailure, result.Outcome);
        Assert.Contains("Sandbox.None(", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProcessRunner_SourceCandidate_RunsInTheDefaultSandbox()
    {
        Assert.SkipUnless(BubblewrapSandboxTests.IsUsable, "needs bubblewrap and user namespaces");
        await using var runner = new ProcessRunner("sh train.sh");

        var result = await runner.RunAsync(Experiment(s_source), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal((RunOutcome.Completed, 1.0), (result.Outcome, result.Metrics["loss"]));
        Assert.StartsWith("bubblewrap", result.Device!["sandbox"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProcessRunner_OptedOutByName_RunsAndRecordsTheReason()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a shell");
        await using var runner = new ProcessRunner("sh train.sh", new() { Sandbox = Sandbox.None("the machine is one") });

        var result = await runner.RunAsync(Experiment(s_source), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.Equal("none (the machine is one); not covered: " + string.Join(", ", Enum.GetValues<SandboxProtection>()),
            result.Device!["sandbox"]);
    }

    [Fact]
    public async Task ProcessRunner_ParametersOnly_NeedNone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a shell");
        await using var runner = new ProcessRunner(["sh", "-c", "echo 'loss: 1'"]);

        var result = await runner.RunAsync(Experiment(null), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal((RunOutcome.Completed, "none (parameters only)"), (result.Outcome, result.Device!["sandbox"]));
    }

    [Fact]
    public void ProcessRunner_SandboxThatCannotBeUsed_IsRefusedAtOnce() =>
        Assert.Contains("/no/such/bwrap", Assert.Throws<SandboxException>(
            () => new ProcessRunner("sh", new() { Sandbox = new BubblewrapSandbox(program: "/no/such/bwrap") })).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task ProcessRunner_CredentialByName_IsRefusedUnlessThePolicyNamesIt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a shell");
        await using var refusing = new ProcessRunner(["sh", "-c", "env"],
            new() { AllowedEnvironment = { "HF_TOKEN" }, Sandbox = new ProcessLimits() });
        await using var allowing = new ProcessRunner(["sh", "-c", "env"],
            new() { Environment = { ["HF_TOKEN"] = "x1" }, Sandbox = new ProcessLimits(new() { Credentials = ["HF_TOKEN"] }) });

        var refused = await refusing.RunAsync(Experiment(null), cancellationToken: TestContext.Current.CancellationToken);
        var allowed = await allowing.RunAsync(Experiment(null), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(RunOutcome.InfrastructureFailure, refused.Outcome);
        Assert.Contains("'HF_TOKEN' looks like a credential", refused.Message, StringComparison.Ordinal);
        Assert.Contains("HF_TOKEN=x1", allowed.LogTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProcessLimits_OnlyBoundResourcesAndSaySo()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "limits differ elsewhere");
        var limits = new ProcessLimits(new() { FileBytes = 1 << 20, MemoryBytes = 256 << 20, OpenFiles = 64 });
        await using var runner = new ProcessRunner(["sh", "-c", "ulimit -f; ulimit -n; ulimit -d; ulimit -c; echo done"],
            new() { Sandbox = limits });

        var result = await runner.RunAsync(Experiment(null), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("2048\n64\n262144\n0\ndone\n", result.LogTail);
        Assert.Equal([SandboxProtection.Writes, SandboxProtection.Reads, SandboxProtection.Network,
            SandboxProtection.OtherProcesses, SandboxProtection.Survivors, SandboxProtection.Privileges],
            limits.Describe().NotCovered);
        Assert.Contains("not covered: Writes, Reads, Network", result.Device!["sandbox"], StringComparison.Ordinal);
    }

    [Fact]
    public void Require_Machine_HasOneOrSaysWhatToDo()
    {
        if (BubblewrapSandboxTests.IsUsable) Assert.IsType<BubblewrapSandbox>(Sandbox.Require());
        else Assert.Contains("Sandbox.None(", Assert.Throws<SandboxException>(() => Sandbox.Require()).Message,
            StringComparison.Ordinal);
    }

    private static Experiment Experiment(SourceTree? source) =>
        new()
        {
            Id = "e1",
            Candidate = new() { Source = source },
            Seed = 1,
            Budget = new Budget { Wall = TimeSpan.FromSeconds(20) },
        };
}
