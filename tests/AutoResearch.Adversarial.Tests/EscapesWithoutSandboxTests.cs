namespace AutoResearch.Adversarial.Tests;

/// <summary>
/// The same adversaries without a sandbox: which of them get what they want. The list stands in docs/security.md.
/// </summary>
public sealed class EscapesWithoutSandboxTests
{
    public static TheoryData<string> Names =>
        [.. Adversaries.All.Where(a => a.Proposal is null && !a.OnlyInside).Select(a => a.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Adversary_WithoutASandbox_EscapesOrNotAsDocumented(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The adversaries are for Linux.");
        var adversary = Adversaries.All.Single(a => a.Name == name);
        Requirements.Check(adversary);
        var escaped = false;
        // Some have to win a race
        for (var attempt = 1; attempt <= 3 && (attempt == 1 || adversary.EscapesWithoutSandbox) && !escaped; attempt++)
        {
            using var laboratory = new Laboratory(adversary.InGit);
            var history = await laboratory.RunAsync(adversary, Sandbox.None("the suite looks what happens without one"),
                TestContext.Current.CancellationToken);
            var harm = await laboratory.HarmAsync(history);
            TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join("; ", harm)}\n{history.Trials[0].Verdict?.Reason}");
            escaped = harm.Count > 0;
        }

        Assert.SkipWhen(adversary.DependsOnMachine && !Environment.IsPrivilegedProcess && !escaped,
            "takes root's rights, or a machine that is open in this respect");
        Assert.Equal(adversary.EscapesWithoutSandbox, escaped);
    }

    [Fact]
    public void Documentation_ListsExactlyTheEscapes()
    {
        var text = File.ReadAllText(Requirements.FileOfRepository("docs/security.md"));
        var listed = text.Split("<!-- escapes -->")[1].Split('\n').Where(l => l.StartsWith("| `", StringComparison.Ordinal))
            .Select(l => l.Split('`')[1]);

        Assert.Equal(
            Adversaries.All.Where(a => a.EscapesWithoutSandbox || a.OnlyInside).Select(a => a.Name).Order(StringComparer.Ordinal),
            listed.Order(StringComparer.Ordinal));
        Assert.True(Adversaries.All.Count >= 40);
        Assert.Equal(Adversaries.All.Count, Adversaries.All.DistinctBy(a => a.Name).Count());
        Assert.Contains($"{Adversaries.All.Count} adversaries", text, StringComparison.Ordinal);
    }
}
