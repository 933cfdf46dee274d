namespace AutoResearch.Adversarial.Tests;

/// <summary>
/// Every adversary in the sandbox: no accept, no harm to host or neighbours, the right outcome with a message, and the honest
/// idea after it is judged as if it had never been there.
/// </summary>
public sealed class AdversarialTests
{
    internal static readonly SandboxPolicy Policy = new()
    {
        MemoryBytes = 192 << 20, Processes = 64, FileBytes = 8 << 20, DiskBytes = 16 << 20, DiskFiles = 2000,
        TemporaryBytes = 16 << 20, OpenFiles = 256,
    };

    private static readonly string? s_problem = new BubblewrapSandbox(Policy).Describe().Problem;

    public static TheoryData<string> Names => [.. Adversaries.All.Select(a => a.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Adversary_InTheSandbox_GetsNothingAndHarmsNobody(string name)
    {
        var adversary = Adversaries.All.Single(a => a.Name == name);
        Assert.SkipWhen(s_problem is not null && adversary.Proposal is null, $"There is no sandbox: {s_problem}");
        Requirements.Check(adversary);
        using var laboratory = new Laboratory(adversary.InGit);

        var history = await laboratory.RunAsync(
            adversary, s_problem is null ? new BubblewrapSandbox(Policy) : Sandbox.None("nothing is run"),
            TestContext.Current.CancellationToken);

        var trial = history.Trials[0];
        TestContext.Current.TestOutputHelper?.WriteLine(
            Requirements.Printable($"{trial.Verdict?.Reason}\n{(trial.Runs.Count == 0 ? "" : Told(trial.Runs[0].Result))}"));
        Assert.Empty(await laboratory.HarmAsync(history));
        Assert.IsType<Reject>(trial.Verdict);
        if (adversary.Proposal is null)
        {
            var result = Assert.Single(trial.Runs).Result;
            Assert.True(adversary.Ends.Contains(result.Outcome), $"{result.Outcome}: {result.Message}");
            Assert.Contains(adversary.Message, result.Message ?? "", StringComparison.Ordinal);
            Assert.Equal(result.Outcome == RunOutcome.Completed, result.Message is null);
            // Else it was never started
            if (adversary.Brings is null) Assert.StartsWith("bubblewrap", result.Device!["sandbox"], StringComparison.Ordinal);
        }
        else
        {
            Assert.Empty(trial.Runs);
            Assert.Contains(adversary.Message, trial.Verdict.Reason, StringComparison.Ordinal);
        }

        Assert.Empty(history.Setbacks); // nothing may pass for a failure of the machine, which is tried again
        Assert.True(s_problem is not null || Laboratory.HonestIdeaIsUnharmed(history),
            $"{history.Trials[1].Verdict?.Reason} {string.Join(' ', history.Trials[1].Runs.Select(r => r.Result.Message))}");
    }

    private static string Told(RunResult result) => $"{result.Outcome}: {result.Message}\n{Tail(result.LogTail)}";

    private static string Tail(string? log) => log is null ? "" : log.Length <= 600 ? log : log[^600..];
}
