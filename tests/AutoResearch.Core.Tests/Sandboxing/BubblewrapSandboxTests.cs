using System.Diagnostics;

namespace AutoResearch.Tests;

/// <summary>
/// The sandbox itself, by programs that look around in it. What hostile programs try is in the adversarial suite.
/// </summary>
public sealed class BubblewrapSandboxTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("sandbox-test-").FullName;
    private int _runs;

    public static string? Problem { get; } = new BubblewrapSandbox().Describe().Problem;

    public static bool IsUsable => Problem is null;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_ProgramThatLooksAround_SeesItsOwnDirectoryOnly()
    {
        var result = await Run("id -u; pwd; ls -A ~ | wc -l; ls /home /root /run /var 2>&1; ls -d /proc/[0-9]* | wc -l; "
            + "cat /proc/net/route | wc -l; echo x > own.txt; cat own.txt");

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.Contains("\n0\n", result.LogTail, StringComparison.Ordinal);
        Assert.Equal(4, result.LogTail!.Split("No such file or directory").Length - 1);
        Assert.StartsWith("bubblewrap ", result.Device!["sandbox"], StringComparison.Ordinal);
        Assert.Contains("no network, processes 1024", result.Device["sandbox"], StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_PathsOfThePolicy_AreThereWithTheirRights()
    {
        var (data, cache) = (Directory.CreateDirectory(Path.Combine(_directory, "data")).FullName,
            Directory.CreateDirectory(Path.Combine(_directory, "cache")).FullName);
        await File.WriteAllTextAsync(Path.Combine(data, "x"), "seen", TestContext.Current.CancellationToken);

        var result = await Run($"cat {data}/x; echo more > {data}/y || echo refused; echo kept > {cache}/z",
            new() { Readable = [data], Writable = [cache] });

        Assert.Contains("seen", result.LogTail, StringComparison.Ordinal);
        Assert.Contains("refused", result.LogTail, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(data, "y")));
        Assert.Equal("kept\n", await File.ReadAllTextAsync(Path.Combine(cache, "z"), TestContext.Current.CancellationToken));
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_HiddenPaths_AreEmptyAndReadOnly()
    {
        var data = Directory.CreateDirectory(Path.Combine(_directory, "data", "answers")).Parent!.FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "x"), "seen", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(data, "y"), "secret", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(data, "answers", "z"), "secret", TestContext.Current.CancellationToken);

        var result = await Run($"cat {data}/*; ls {data}/answers | wc -l; echo a > {data}/answers/z || echo refused; "
            + $"umount {data}/answers || echo stays",
            new()
            {
                Readable = [data],
                Hidden = [Path.Combine(data, "y"), Path.Combine(data, "answers"), Path.Combine(data, "nothing")],
            });

        Assert.Contains("seen", result.LogTail, StringComparison.Ordinal);
        Assert.Contains("refused", result.LogTail, StringComparison.Ordinal);
        Assert.Contains("stays", result.LogTail, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", result.LogTail, StringComparison.Ordinal);
        Assert.Contains($"hides {Path.Combine(data, "y")}", result.Device!["sandbox"], StringComparison.Ordinal);
    }

    [Theory(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    [InlineData("exit 0", RunOutcome.Completed, "")]
    [InlineData("exit 3", RunOutcome.Crashed, "exit code 3")]
    [InlineData("kill -SEGV $$", RunOutcome.Crashed, "exit code 139")]
    [InlineData("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", RunOutcome.Crashed, "exit code 1")]
    [InlineData("head -c 3000000 /dev/zero > big", RunOutcome.Crashed, "exit code")]
    [InlineData("head -c 3000000 /dev/zero > /tmp/big", RunOutcome.Crashed, "exit code")]
    [InlineData("sleep 60", RunOutcome.TimedOut, "was ended")]
    [InlineData("for i in 1 2 3 4 5 6; do head -c 900000 /dev/zero > f$i; done; sleep 60", RunOutcome.Crashed, "DiskBytes")]
    [InlineData("i=0; while [ $i -lt 60 ]; do : > n$i; i=$((i+1)); done; sleep 60", RunOutcome.Crashed, "DiskFiles")]
    [InlineData("i=0; while [ $i -lt 30 ]; do sleep 60 & i=$((i+1)); done; wait", RunOutcome.Crashed, "")]
    [InlineData("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done", RunOutcome.Crashed, "")]
    public async Task Run_Program_EndsInItsOutcome(string script, RunOutcome outcome, string message)
    {
        var policy = new SandboxPolicy
        {
            FileBytes = 1 << 20, TemporaryBytes = 2 << 20, DiskBytes = 4 << 20, DiskFiles = 50, Processes = 20,
            MemoryBytes = 64 << 20,
        };

        var result = await Run(script, policy, new Budget { Wall = TimeSpan.FromSeconds(script == "sleep 60" ? 0.5 : 20) });

        Assert.True(outcome == result.Outcome
            || (result.Outcome == RunOutcome.OutOfMemory && script.StartsWith("x=", StringComparison.Ordinal)),
            $"{result.Outcome}: {result.Message}");
        Assert.Contains(message, result.Message ?? "", StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_ProgramThatCleansUpWhenAsked_IsGivenItsGrace()
    {
        var result = await Run("trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 0.05; done", null,
            new Budget { Wall = TimeSpan.FromSeconds(0.5) });

        Assert.Equal(RunOutcome.TimedOut, result.Outcome);
        Assert.Contains("bye", result.LogTail, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_MemoryAndProcessorTime_AreSeenThroughTheNamespace()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "needs python3");
        var result = await Run("exec /usr/bin/python3 -c 'import time; x = bytearray(50_000_000); t = time.process_time()\n"
            + "while time.process_time() - t < 0.6: pass'");

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.True(result.Usage.PeakMemoryBytes > 45_000_000, $"{result.Usage.PeakMemoryBytes}");
        Assert.True(result.Usage.CpuTime > TimeSpan.FromSeconds(0.2), $"{result.Usage.CpuTime}");
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_MoreMemoryThanItsBudget_IsEndedAsOutOfMemory()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "needs python3");
        var result = await Run("exec /usr/bin/python3 -c 'import time; x = bytearray(80_000_000); time.sleep(60)'", null,
            new Budget { MemoryBytes = 60 << 20, Wall = TimeSpan.FromSeconds(30) });

        Assert.Equal(RunOutcome.OutOfMemory, result.Outcome);
        Assert.Contains("budget of 60 MiB", result.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_DotNet_WorksWithItsInstallation()
    {
        var dotnet =
            new[] { "/usr/bin/dotnet", "/usr/share/dotnet/dotnet", "/usr/lib/dotnet/dotnet" }.FirstOrDefault(File.Exists);
        Assert.SkipWhen(dotnet is null, "needs an installed SDK");
        var result = await Run($"DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 {dotnet} nuget --version",
            SandboxPolicy.Default.WithDotNet());

        Assert.True(result.Outcome == RunOutcome.Completed, $"{result.Message} {result.LogTail}");
        Assert.Matches(@"\d+\.\d+", result.LogTail!);
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public void Wrap_ProgramOutsideOfThePolicy_NamesWhatToAdd()
    {
        var program = Path.Combine(_directory, "tool");
        File.WriteAllText(program, "");

        var e = Assert.Throws<SandboxException>(() =>
            new BubblewrapSandbox().Wrap(new() { Program = program, WorkingDirectory = "/usr" }));

        Assert.Contains($"'{program}' cannot be read in the sandbox", e.Message, StringComparison.Ordinal);
        Assert.Contains("SandboxPolicy.Readable", e.Message, StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_PathOfThePolicyThatIsMissing_IsRefusedAtOnce() =>
        Assert.Contains("/no/such/data",
            (await Assert.ThrowsAsync<SandboxException>(() => Run("exit 0", new() { Readable = ["/no/such/data"] }))).Message,
            StringComparison.Ordinal);

    [Fact(SkipUnless = nameof(IsUsable), Skip = "needs bubblewrap and user namespaces")]
    public async Task Run_ThisProcessDies_TheNamespaceEnds()
    {
        // What stands before the program, with a pipe of our own in the place of the runner's.
        var beacon = Path.Combine(_directory, "beacon");
        var sandbox = new BubblewrapSandbox(new() { Writable = [_directory] });
        using var confinement = RunConfinement.Of(new() { Sandbox = sandbox }, new Candidate());
        var (command, _) = confinement.Wrap(new()
        {
            Program = "/bin/sh",
            Arguments = ["-c", $"setsid sh -c 'while true; do echo >> {beacon}; sleep 0.05; done' & sleep 600"],
            WorkingDirectory = _directory,
        }, "/usr/bin/setsid");
        using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true })!;
        while (!File.Exists(beacon)) await Task.Delay(20, TestContext.Current.CancellationToken);

        process.StandardInput.Close(); // what the system does when this process dies
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        var length = new FileInfo(beacon).Length;
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.Equal(length, new FileInfo(beacon).Length);
    }

    [Fact]
    public void Describe_ProgramThatIsMissing_SaysWhatToInstall()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bubblewrap is for Linux");
        var description = new BubblewrapSandbox(program: "/no/such/bwrap").Describe();

        Assert.Contains("apt-get install bubblewrap", description.Problem, StringComparison.Ordinal);
        Assert.Equal(Enum.GetValues<SandboxProtection>(), description.NotCovered);
    }

    [Theory]
    [InlineData("echo 'bubblewrap 0.4.1'", "0.4.1")]
    [InlineData(
        "case $1 in --version) echo 'bubblewrap 0.8.0';; *) echo 'No permissions to create new namespace' >&2; exit 1;; esac",
        "No permissions to create new namespace")]
    public void Describe_ProgramThatDoesNotWork_SaysWhy(string script, string reason)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bubblewrap is for Linux");
        var fake = Path.Combine(_directory, "bwrap");
        File.WriteAllText(fake, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(fake, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        Assert.Contains(reason, new BubblewrapSandbox(program: fake).Describe().Problem, StringComparison.Ordinal);
    }

    private async Task<RunResult> Run(string script, SandboxPolicy? policy = null, Budget? budget = null)
    {
        await using var runner = new ProcessRunner(["/bin/sh", "-c", script], new()
        {
            RunsDirectory = Path.Combine(_directory, "runs"),
            TemplateDirectory = Directory.CreateDirectory(Path.Combine(_directory, "template")).FullName,
            Sandbox = new BubblewrapSandbox(policy),
        });
        return await runner.RunAsync(new()
        {
            Id = $"e{++_runs}",
            Candidate = new(),
            Seed = 1,
            Budget = budget ?? new Budget { Wall = TimeSpan.FromSeconds(20) },
        },
            cancellationToken: TestContext.Current.CancellationToken);
    }
}
