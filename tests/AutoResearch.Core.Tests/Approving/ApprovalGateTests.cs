using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ApprovalGateTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("y looks sane\n", true, "looks sane")]
    [InlineData("maybe\n\nYES\n", true, "")]
    [InlineData("n too risky\n", false, "too risky")]
    public async Task Console_Answer_IsReadWithItsReason(string typed, bool approved, string reason)
    {
        var output = new StringWriter();
        using var gate = new ConsoleApprovalGate(new StringReader(typed), output, "ann");

        Assert.Equal(new(approved, "ann", reason),
            await gate.AskAsync(ApprovalPolicyTests.Request(ParameterChange.Of(("lr", 2))), Stop));
        Assert.Contains("lr: 1 -> 2", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Console_EndOfInput_IsNoAnswer()
    {
        using var gate = new ConsoleApprovalGate(new StringReader(""), new StringWriter());

        await Assert.ThrowsAsync<EndOfStreamException>(() =>
            gate.AskAsync(ApprovalPolicyTests.Request(ParameterChange.Of(("lr", 2))), Stop));
    }

    [Theory]
    [InlineData("approve", "by: ann\nfine\nby me\n", true, "ann", "fine\nby me")]
    [InlineData("deny", "no\n", false, "a file", "no")]
    [InlineData("approve", "", true, "a file", "")]
    public async Task File_AnswerThatComesLater_IsFound(string ending, string content, bool approved, string by, string reason)
    {
        using var directory = new TemporaryDirectory();
        var clock = new FakeTimeProvider();
        var gate = new FileApprovalGate(directory.Path, clock);
        var request = ApprovalPolicyTests.Request(ParameterChange.Of(("lr", 2)));

        var answer = gate.AskAsync(request, Stop);
        await clock.WaitForTimersAsync(1, Stop);
        Assert.False(answer.IsCompleted);
        Assert.Contains($"{request.Id}.approve",
            await File.ReadAllTextAsync(Path.Combine(directory.Path, request.Id + ".txt"), Stop), StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(directory.Path, $"{request.Id}.{ending}"), content, Stop);
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(new(approved, by, reason), await answer);
        Assert.Equal(new(approved, by, reason), await gate.AskAsync(request, Stop)); // asked again after a kill
    }

    [Fact]
    public async Task File_AnswerForAnotherCandidate_DoesNotCount()
    {
        using var directory = new TemporaryDirectory();
        var gate = new FileApprovalGate(directory.Path) { Interval = TimeSpan.FromMilliseconds(5) };
        var (one, other) = (ApprovalPolicyTests.Request(ParameterChange.Of(("lr", 2))),
            ApprovalPolicyTests.Request(ParameterChange.Of(("lr", 3))));
        await File.WriteAllTextAsync(Path.Combine(directory.Path, one.Id + ".approve"), "", Stop);
        await File.WriteAllTextAsync(Path.Combine(directory.Path, other.Id + ".approve"), "", Stop);
        await File.WriteAllTextAsync(Path.Combine(directory.Path, other.Id + ".deny"), "", Stop);

        Assert.NotEqual(one.Id, other.Id);
        Assert.True((await gate.AskAsync(one, Stop)).Approved);
        Assert.False((await gate.AskAsync(other, Stop)).Approved); // a no beats a yes
    }
}
