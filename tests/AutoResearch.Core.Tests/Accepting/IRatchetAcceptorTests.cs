namespace AutoResearch.Tests;

/// <summary>What every acceptor does.</summary>
public sealed class IRatchetAcceptorTests
{
    public static TheoryData<IRatchetAcceptor> All =>
    [
        new GreedyRatchet(), new ConfirmingRatchet(), new AdaptiveRatchet(),
        new NoOpGuard(new GreedyRatchet()), new QuarantineRatchet(new GreedyRatchet()), new SimplicityRule(new GreedyRatchet()),
    ];

    [Theory]
    [MemberData(nameof(All), DisableDiscoveryEnumeration = true)]
    public async Task JudgeAsync_NoComparison_IsAnArgumentError(IRatchetAcceptor acceptor) =>
        Assert.Equal("comparison", (await Assert.ThrowsAsync<ArgumentNullException>(async () =>
            await acceptor.JudgeAsync(null!, TestContext.Current.CancellationToken))).ParamName);

    [Theory]
    [MemberData(nameof(All), DisableDiscoveryEnumeration = true)]
    public async Task JudgeAsync_FailedOrUnlawfulRun_IsRejectedWithItsReason(IRatchetAcceptor acceptor)
    {
        var guarded = Loops.Problem with { Guards = [Guard.AtMost(Loops.Metric, 0.6)] };
        var good = Comparisons.Of([1.0, 1.01, 0.99, 1.0, 1.0], 0.5, [0.7], problem: guarded);
        var failed = good with
        {
            Trial = good.Trial with
            {
                Runs = [good.Trial.Runs[0] with { Result = RunResult.Failure(RunOutcome.TimedOut, "300 s are over") }],
            },
        };

        Assert.Equal("the screening run ended as TimedOut: 300 s are over",
            Assert.IsType<Reject>(await JudgeAsync(failed)).Reason);
        Assert.StartsWith($"the confirming run {good.Trial.Runs[1].Experiment.Id} broke a limit: ",
            Assert.IsType<Reject>(await JudgeAsync(good)).Reason, StringComparison.Ordinal);

        async Task<Verdict> JudgeAsync(Comparison comparison) =>
            await acceptor.JudgeAsync(comparison, TestContext.Current.CancellationToken);
    }
}
