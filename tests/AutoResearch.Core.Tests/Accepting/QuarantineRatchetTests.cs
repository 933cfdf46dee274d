using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>The score is 100 − x, so that x is the gain over the baseline.</summary>
public sealed class QuarantineRatchetTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static async Task<ResearchHistory> RunAsync(
        QuarantineOptions? options, IApprovalGate? gate, Func<long, double?>? audit, params int[] values)
    {
        var seal = options?.Seal ?? AuditSeal.Create();
        var runner = new ScriptedRunner(e => Loops.Completed(100 - Loops.X(e)) with
        {
            Hashes = audit?.Invoke(Loops.X(e)) is { } score
                ? new Dictionary<string, string> { [AuditSeal.ResultKey] = seal.Seal(e, score) }
                : null,
        });
        var builder = Loops.Build(ScriptedProposer.Values("x", [.. values.Select(v => (ParameterValue)v)]), runner)
            .AcceptWith(new QuarantineRatchet(new GreedyRatchet(), options));
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
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3, 8, 30), runner)
            .AcceptWith(new QuarantineRatchet(new GreedyRatchet())).Build();
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
        Assert.Equal((1, 1, false), (Last(history).Statistics[QuarantineRatchet.LookMark],
            Last(history).Statistics["audit_agrees"], Last(history).Statistics.ContainsKey("audit_gain")));
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
        Assert.Contains("though the audit set shows it too", Assert.IsType<Indecisive>(Last(history)).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_LooksAreUsedUp_AsksInstead()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create(), MaxLooks = 2 }, null, _ => 100, 30, 40, 50, 60);
        Assert.Equal([1.0, 2.0, 0.0, 0.0],
            history.Trials.Select(t => t.Verdict!.Statistics.GetValueOrDefault(QuarantineRatchet.LookMark)));
        Assert.Equal(["Reject", "Reject", "Indecisive", "Indecisive"], history.Trials.Select(t => t.Verdict!.GetType().Name));
    }

    [Fact]
    public async Task JudgeAsync_NoSealedScore_Asks() =>
        Assert.IsType<Indecisive>(Last(await RunAsync(new() { Seal = AuditSeal.Create() }, null, null, 50)));

    [Fact]
    public async Task JudgeAsync_AuditEveryKeep_LooksAtPlausibleGainsToo()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create(), AuditEveryKeep = true }, null,
            x => x == 6 ? 98 : 100 - x, 2, 4, 6);
        Assert.Equal([true, true, false], history.Trials.Select(t => t.Verdict is Accept));
        Assert.Equal([1.0, 2.0, 3.0], history.Trials.Select(t => t.Verdict!.Statistics[QuarantineRatchet.LookMark]));
    }

    [Theory]
    [InlineData(19.3434, 4, 5, 7)] // gains 4, 1, 2: median 2, median deviation 1
    [InlineData(29.0151, 4, 5, 7, 16)] // and 9: median 3, median deviation 1.5
    public async Task JudgeAsync_ManyKeeps_LimitIsTheirMedianAndThreeRobustDeviationsThreefold(double limit, params int[] kept)
    {
        var history = await RunAsync(null, null, null, [.. kept, kept[^1] + 1]);
        Assert.Equal(limit, Last(history).Statistics["gain_limit"], 4);
    }

    [Fact]
    public async Task JudgeAsync_KeepsOfAnotherAcceptor_AreMeasuredAgainstWhatWasKeptBefore()
    {
        // Kept: 96 against 100, 100 and a control of 98.5, a gain of 3.5; then 90 against 96, a gain of 6. Median
        // 4.75, deviation 1.25.
        var accept = new Accept { Reason = "better" };
        var (first, second, now) = (Comparisons.Of([100, 100], 96, controls: [98.5]), Comparisons.Of([96], 90),
            Comparisons.Of([90], 85));
        Trial[] trials = [first.Trial with { Number = 1, Verdict = accept },
            second.Trial with { Number = 2, Verdict = accept, Runs = second.Trial.Runs }, now.Trial with { Number = 3 }];
        var state = new ResearchState(now.Problem, now.Incumbent, trials, 0) { BaselineRuns = first.State.BaselineRuns };

        var verdict = await new QuarantineRatchet(new GreedyRatchet(), new() { LeastHistory = 2 }).JudgeAsync(
            now with { State = state, Trial = trials[2] }, Stop);

        Assert.Equal(3 * (4.75 + (3 * 1.4826 * 1.25)), verdict.Statistics["gain_limit"], 9);
    }

    [Fact]
    public async Task JudgeAsync_IncumbentWithoutScores_LeavesTheKeepAlone()
    {
        var accept = new Accept { Reason = "better" };
        var verdict = await new QuarantineRatchet(new Always(accept)).JudgeAsync(Comparisons.Of([], 85), Stop);
        Assert.Same(accept, verdict);
        Assert.Throws<ArgumentNullException>(() => QuarantineRatchet.IsQuarantined(null!));
    }

    [Fact]
    public async Task JudgeAsync_OnlyOneArmIsSealed_AsksInstead()
    {
        var history = await RunAsync(new() { Seal = AuditSeal.Create() }, null, x => x == 0 ? null : 50, 50);
        Assert.False(Assert.IsType<Indecisive>(Last(history)).Statistics.ContainsKey(QuarantineRatchet.LookMark));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task JudgeAsync_LookOfATrialThatWaitsForApproval_CountsButItsOwnDoesNot(bool other)
    {
        // A killed loop decides again: the look that it has had for this trial is not another one.
        var (seal, look) = (AuditSeal.Create(),
            new Accept { Reason = "held", Statistics = new Dictionary<string, double> { [QuarantineRatchet.LookMark] = 1 } });
        var now = Comparisons.Of([100, 100], 50);
        Run Sealed(Run run, double audit) => run with
        {
            Result = run.Result with
            {
                Hashes = new Dictionary<string, string> { [AuditSeal.ResultKey] = seal.Seal(run.Experiment, audit) },
            },
        };
        var trial = now.Trial with { Number = 2, Runs = [Sealed(now.Trial.Runs[0], 51)], HeldVerdict = other ? null : look };
        var state = new ResearchState(now.Problem, now.Incumbent, [now.Trial with { HeldVerdict = other ? look : null }, trial],
            0)
        {
            BaselineRuns = now.State.BaselineRuns,
        };
        var comparison = now with
        {
            State = state,
            Trial = trial,
            Incumbent = now.Incumbent with { Runs = [.. now.Incumbent.Runs.Select(r => Sealed(r, 101))] },
        };

        var verdict = await new QuarantineRatchet(new GreedyRatchet(),
            new() { Seal = seal, MaxLooks = 1 }).JudgeAsync(comparison, Stop);

        Assert.Equal(other, QuarantineRatchet.IsQuarantined(verdict));
        Assert.Equal(!other, verdict.Statistics.ContainsKey(QuarantineRatchet.LookMark));
    }

    private sealed class Always(Verdict verdict) : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken) =>
            ValueTask.FromResult(verdict);
    }
}
