namespace AutoResearch.Tests;

public sealed class ConfirmingRatchetTests
{
    private static readonly NoiseEstimate s_noise = new(0.01, 1000);

    private static async Task<Verdict> JudgeAsync(Comparison comparison, ConfirmingRatchetOptions? options = null) =>
        await new ConfirmingRatchet(options).JudgeAsync(comparison, TestContext.Current.CancellationToken);

    [Theory]
    [InlineData(0.9949, true)] // half of σ = 0.01 below the mean of 1.0
    [InlineData(0.9951, false)]
    public async Task JudgeAsync_Screening_MustBeBetterByTheMargin(double screen, bool promising)
    {
        var verdict = await JudgeAsync(Comparisons.Of([0.99, 1.01], screen, noise: s_noise));
        if (!promising) Assert.Contains("not promising", Assert.IsType<Reject>(verdict).Reason, StringComparison.Ordinal);
        else Assert.Equal((Arm.Candidate, 2), (Assert.IsType<NeedMore>(verdict).Arm, ((NeedMore)verdict).Runs));
    }

    [Fact]
    public async Task JudgeAsync_ScreeningScore_IsNoEvidence()
    {
        double[] confirm = [0.985, 0.99];
        var plain = await JudgeAsync(Comparisons.Of([0.99, 1.01], 0.98, confirm, [1.0], noise: s_noise));
        var lucky = await JudgeAsync(Comparisons.Of([0.99, 1.01], 0.01, confirm, [1.0], noise: s_noise));
        Deep.Equal(plain, lucky);
        Assert.Equal(0.9875, Assert.IsType<Accept>(lucky).Statistics["candidate_mean"], 12);
    }

    [Fact]
    public async Task JudgeAsync_FreshRuns_CandidateAndControlTakeTurns()
    {
        var options = new ConfirmingRatchetOptions { CandidateRuns = 3, ControlRuns = 2 };
        var (confirm, controls) = (new List<double>(), new List<double>());
        var order = "";
        while (await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [.. confirm], [.. controls], noise: s_noise),
            options) is NeedMore more)
        {
            order += more.Arm == Arm.Candidate ? 'C' : 'I';
            Assert.Equal(more.Arm == Arm.Candidate ? 3 - confirm.Count : 2 - controls.Count, more.Runs);
            (more.Arm == Arm.Candidate ? confirm : controls).Add(more.Arm == Arm.Candidate ? 0.9 : 1.0);
        }
        Assert.Equal("CICIC", order);
    }

    [Theory]
    [InlineData(0.9901, false)]
    [InlineData(0.9899, true)]
    public async Task JudgeAsync_Decision_NeedsOneStandardError(double mean, bool accepted)
    {
        // σ is known to be 0.01, so with two against two fresh runs one standard error is 0.01.
        var options = new ConfirmingRatchetOptions { ControlRuns = 0, NoisePriorRuns = 1e5 };
        var verdict = await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [mean, mean], noise: new(0.01, 100_000)), options);
        Assert.Equal(1.0 - mean, verdict.Statistics["gain"], 12);
        Assert.Equal(0.01, verdict.Statistics["se"], 6);
        Assert.Equal(accepted, verdict is Accept);
    }

    [Fact]
    public async Task JudgeAsync_NoiseKnownFromFewRuns_AsksForMore()
    {
        var options = new ConfirmingRatchetOptions { ControlRuns = 0, StandardErrors = 2 };
        async Task<double> NeededAsync(int degreesOfFreedom) => (await JudgeAsync(
            Comparisons.Of([1.0, 1.0], 0.9, [0.99, 0.99], noise: new(0.01, degreesOfFreedom)), options)) is var v
            ? v.Statistics["needed"] / v.Statistics["se"]
            : 0;
        Assert.Equal(2.0, await NeededAsync(1_000_000), 4);
        Assert.Equal(4.5266, await NeededAsync(2), 3); // t quantile at Φ(2) = 0.97725 with 2 degrees of freedom
    }

    [Fact]
    public async Task JudgeAsync_FirstFreshRunIsNoBetter_RejectedAtOnceUnlessSwitchedOff()
    {
        var comparison = Comparisons.Of([1.0, 1.0], 0.9, [1.001], noise: s_noise);
        Assert.Contains("no better after 1 fresh run:", Assert.IsType<Reject>(await JudgeAsync(comparison)).Reason,
            StringComparison.Ordinal);
        Assert.IsType<NeedMore>(await JudgeAsync(comparison, new() { FailFast = false }));
    }

    [Fact]
    public async Task JudgeAsync_NoiseUnknown_AsksForTheIncumbent()
    {
        var verdict = Assert.IsType<NeedMore>(await JudgeAsync(Comparisons.Of([1.0], 0.9)));
        Assert.Equal(Arm.Incumbent, verdict.Arm);
        Assert.IsType<NeedMore>(await JudgeAsync(Comparisons.Of([1.0], 0.9, controls: [1.01])));
    }

    [Fact]
    public async Task JudgeAsync_Maximize_SignsAreTurned()
    {
        var problem = Loops.Problem with { Objective = Objective.Maximize("accuracy") };
        Assert.IsType<Accept>(await JudgeAsync(Comparisons.Of([0.5, 0.5], 0.6, [0.6, 0.6], [0.5], problem, s_noise)));
        Assert.IsType<Reject>(await JudgeAsync(Comparisons.Of([0.5, 0.5], 0.4, problem: problem, noise: s_noise)));
    }

    [Fact]
    public async Task JudgeAsync_DecisionByFreshRuns_OneSentenceWithItsNumbers()
    {
        var verdict = await JudgeAsync(Comparisons.Of([0.99, 1.01], 0.9, [0.94, 0.96], [1.0], noise: s_noise));
        Assert.StartsWith("confirmed: gain 0.05 ± 0.00", verdict.Reason, StringComparison.Ordinal);
        Assert.Contains("2 fresh runs, mean 0.95, against 3 of the incumbent, mean 1", verdict.Reason, StringComparison.Ordinal);
        foreach (var key in (string[])["gain", "se", "z", "needed", "sigma", "candidate_mean", "incumbent_mean", "candidate_runs",
            "incumbent_runs"])
            Assert.True(double.IsFinite(verdict.Statistics[key]), key);
    }

    [Fact]
    public async Task JudgeAsync_NoNoiseAtAll_AnyGainCounts()
    {
        var none = new NoiseEstimate(0, 5);
        Assert.IsType<Accept>(await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [0.9, 0.9], [1.0], noise: none)));
        Assert.IsType<Reject>(await JudgeAsync(Comparisons.Of([1.0, 1.0], 1.0, noise: none)));
    }

    [Fact]
    public async Task JudgeAsync_EveryStep_SaysWhatIsMissing()
    {
        async Task<Verdict> OfAsync(double screen, double[]? confirm = null, double[]? controls = null) =>
            await JudgeAsync(Comparisons.Of([1.0, 1.0], screen, confirm, controls, noise: s_noise));

        Assert.Equal("the noise is not known: the incumbent needs another run",
            (await JudgeAsync(Comparisons.Of([1.0], 0.9))).Reason);
        var promising = await OfAsync(0.9);
        Assert.Equal("promising, to be confirmed by fresh runs: screening 0.9 against 1: gain 0.1, noise 0.01", promising.Reason);
        Assert.Equal(0.1, promising.Statistics["screening_gain"], 12);
        Assert.Equal((0.005, 0.01), (promising.Statistics["screening_margin"], promising.Statistics["sigma"]));
        Assert.Equal("not promising: screening 1 against 1: gain 0, noise 0.01, 0.005 needed", (await OfAsync(1.0)).Reason);
        Assert.Equal("fresh controls of the incumbent: 0 of 1", (await OfAsync(0.9, [0.9])).Reason);
        Assert.Equal("fresh runs of the candidate: 1 of 2", (await OfAsync(0.9, [0.9], [1.0])).Reason);
        Assert.StartsWith("no better after 1 fresh run: gain 0 ", (await OfAsync(0.9, [1.0])).Reason, StringComparison.Ordinal);
        Assert.StartsWith("not better by enough: gain 0.001 ", (await OfAsync(0.9, [0.999, 0.999], [1.0])).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_FailFast_CountsRunsAndLooksAtTheLastOnlyWhenAllAreMade()
    {
        var options = new ConfirmingRatchetOptions { CandidateRuns = 3, ControlRuns = 0 };
        Assert.StartsWith("no better after 2 fresh runs:",
            (await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [0.9, 1.2], noise: s_noise), options)).Reason,
            StringComparison.Ordinal);
        Assert.StartsWith("not better by enough:",
            (await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [0.9, 0.9, 1.3], noise: s_noise), options)).Reason,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.98, 2.0)]
    [InlineData(1.02, -2.0)]
    public async Task JudgeAsync_Decided_ZIsTheGainInStandardErrors(double mean, double expected)
    {
        var options = new ConfirmingRatchetOptions { ControlRuns = 0, NoisePriorRuns = 1e5, FailFast = false };
        var verdict = await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [mean, mean], noise: new(0.01, 100_000)), options);
        Assert.Equal(expected, verdict.Statistics["z"], 4);
    }

    [Theory]
    [InlineData(0.5, double.MaxValue)]
    [InlineData(1.0, 0.0)]
    [InlineData(1.5, -double.MaxValue)]
    public async Task JudgeAsync_NoNoiseAtAll_ZIsAsLargeAsCanBe(double mean, double expected)
    {
        var options = new ConfirmingRatchetOptions { ControlRuns = 0, FailFast = false };
        var verdict = await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [mean, mean], noise: new(0, 5)), options);
        Assert.Equal(expected, verdict.Statistics["z"]);
        Assert.Equal(mean < 1, verdict is Accept);
    }

    [Fact]
    public async Task JudgeAsync_NoStandardErrorAsked_AnyGainIsEnough()
    {
        var options = new ConfirmingRatchetOptions { ControlRuns = 0, StandardErrors = 0 };
        var verdict = await JudgeAsync(Comparisons.Of([1.0, 1.0], 0.9, [0.9999, 0.9999], noise: s_noise), options);
        Assert.Equal(0, Assert.IsType<Accept>(verdict).Statistics["needed"]);
    }
}
