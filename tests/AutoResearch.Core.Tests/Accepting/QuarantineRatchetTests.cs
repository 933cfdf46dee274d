using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>The score is 100 − x, so that x is the gain over the baseline.</summary>
public sealed class QuarantineRatchetTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static async Task<ResearchHistory> RunAsync(QuarantineOptions? options, IApprovalGate? gate, Func<long, double?>? audit, params int[] values)
    {
        var seal = options?.Seal ?? AuditSeal.Create();
        var runner = new ScriptedRunner(e => Loops.Completed(100 - Loops.X(e)) with
        {
            Hashes = audit?.Invoke(Loops.X(e)) is { } score ? new Dictionary<string, string> { [AuditSeal.ResultKey] = seal.Seal(e, score) } : null,
        });
        var builder = Loops.Build(ScriptedProposer.Values("x", [.. values.Select(v => (ParameterValue)v)]), runner).AcceptWith(new QuarantineRatchet(new GreedyRatchet(), options));
        if (gate is not null) builder.ApproveWith(gate, new() { Keeps = ApprovalRule.Allow });
        await using var loop = builder.Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        return loop.History;
    }

    private static Verdict Last(ResearchHistory history) => history.Trials[^1].Verdict!;

    [Fact]
    public async Task JudgeAsync_GainsOfTheUsualSize_AreKept()
    {
        var history = await RunAsync(null, null, null, 1, 2, 4, 5, 8);
        Assert.Equal(5, history.State.Incumbent.Version);
        Assert.All(history.Trials, t => Assert.False(QuarantineRatchet.IsQuarantined(t.Verdict!)));
    }

    [Theory]
    [InlineData(10, true)] // a tenth of the score
    [InlineData(11, false)]
    public async Task JudgeAsync_FirstGain_IsMeasuredAgainstAShareOfTheScore(int gain, bool kept)
    {
        var history = await RunAsync(null, null, null, gain);
        Assert.Equal(kept ? 1 : 0, history.State.Incumbent.Version);
        if (!kept) Assert.Contains("nobody to ask", Assert.IsType<Indecisive>(Last(history)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(7, true)]
    [InlineData(9, false)]
    // Gains so far are 1, 1 and 2: the median is 1, the deviation 0.
    public async Task JudgeAsync_LaterGain_IsMeasuredAgainstTheUsualOnes(int x, bool kept)
    {
        var history = await RunAsync(new() { Share = 0.1, Factor = 4 }, null, null, 1, 2, 4, x);
        Assert.Equal(kept ? 4 : 3, history.State.Incumbent.Version);
        Assert.Equal(4, Last(history).Statistics["gain_limit"], 9);
    }

    [Fact]
    public async Task JudgeAsync_SmallGainsOnly_DoNotMakeEveryGainImplausible()
    {
        // Gains of 0.1 % would make 0.5 % look large; a tenth of the share, 1 %, is believed always.
        var runner = new ScriptedRunner(e => Loops.Completed(100 - (Loops.X(e) / 10.0)));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3, 8, 30), runner).AcceptWith(new QuarantineRatchet(new GreedyRatchet())).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([true, true, true, true, false], loop.History.Trials.Select(t => t.Verdict is Accept));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task JudgeAsync_ImplausibleGain_IsWhatSomebodyDecides(bool approved)
    {
        var asked = new List<string>();
        var gate = new DelegateApprovalGate((request, _) =>
        {
            asked.Add(request.Verdict!.Reason);
            return Task.FromResult(new ApprovalAnswer(approved, "ann", "looked at it"));
        });

        var history = await RunAsync(null, gate, null, 1, 50);

        Assert.Contains("in quarantine: the gain 49", Assert.Single(asked), StringComparison.Ordinal);
        Assert.Equal(approved ? 2 : 1, history.State.Incumbent.Version);
        Assert.Equal(approved, Last(history) is Accept);
        Assert.Equal(1, Last(history).Statistics[QuarantineRatchet.Mark]);
    }

    [Fact]
    public async Task JudgeAsync_AuditShowsTheGain_IsKeptWithoutAsking()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create() }, null, x => 101 - x, 50);
        Assert.Equal(1, history.State.Incumbent.Version);
        Assert.Contains("audit set shows it too", Last(history).Reason, StringComparison.Ordinal);
        Assert.Equal((1, 1, false), (Last(history).Statistics[QuarantineRatchet.LookMark], Last(history).Statistics["audit_agrees"], Last(history).Statistics.ContainsKey("audit_gain")));
    }

    [Fact]
    public async Task JudgeAsync_AuditDoesNotShowTheGain_IsRejectedWithANoisyFigure()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create() }, null, x => x == 50 ? 99.5 : 100, 50);
        Assert.Contains("does not show the gain of 50", Assert.IsType<Reject>(Last(history)).Reason, StringComparison.Ordinal);
        var told = Last(history).Statistics["audit_gain"];
        Assert.NotEqual(0.5, told);
        Assert.InRange(told, -10, 10);
    }

    [Fact]
    public async Task JudgeAsync_AuditAgreesButIsNotEnough_AsksAllTheSame()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create(), AuditSuffices = false }, null, x => 100 - x, 50);
        Assert.Contains("though the audit set shows it too", Assert.IsType<Indecisive>(Last(history)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_LooksAreUsedUp_AsksInstead()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create(), MaxLooks = 2 }, null, _ => 100, 30, 40, 50, 60);
        Assert.Equal([1.0, 2.0, 0.0, 0.0], history.Trials.Select(t => t.Verdict!.Statistics.GetValueOrDefault(QuarantineRatchet.LookMark)));
        Assert.Equal(["Reject", "Reject", "Indecisive", "Indecisive"], history.Trials.Select(t => t.Verdict!.GetType().Name));
    }

    [Fact]
    public async Task JudgeAsync_NoSealedScore_Asks() => Assert.IsType<Indecisive>(Last(await RunAsync(new() { Seal = AuditSeal.Create() }, null, null, 50)));

    [Fact]
    public async Task JudgeAsync_AuditEveryKeep_LooksAtPlausibleGainsToo()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create(), AuditEveryKeep = true }, null, x => x == 6 ? 98 : 100 - x, 2, 4, 6);
        Assert.Equal([true, true, false], history.Trials.Select(t => t.Verdict is Accept));
        Assert.Equal([1.0, 2.0, 3.0], history.Trials.Select(t => t.Verdict!.Statistics[QuarantineRatchet.LookMark]));
    }
}
