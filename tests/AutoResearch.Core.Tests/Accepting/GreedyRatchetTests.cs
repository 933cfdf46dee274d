using System.Globalization;

namespace AutoResearch.Tests;

public sealed class GreedyRatchetTests
{
    private static async Task<Verdict> JudgeAsync(GreedyRatchet ratchet, Comparison comparison) =>
        await ratchet.JudgeAsync(comparison, TestContext.Current.CancellationToken);

    [Theory]
    [InlineData(0.99, true)]
    [InlineData(1.00, false)] // equal is not better
    [InlineData(1.01, false)]
    public async Task JudgeAsync_OneRun_StrictlyBetterThanTheBestIsAccepted(double score, bool accepted)
    {
        var verdict = await JudgeAsync(new(), Comparisons.Of([1.02, 1.00, 1.05], score));
        Assert.Equal(accepted, verdict is Accept);
        Assert.Equal(1.00 - score, verdict.Statistics["gain"], 12);
        Assert.Equal(1.00, verdict.Statistics["best"]);
    }

    [Fact]
    public async Task JudgeAsync_Maximize_HigherIsBetter()
    {
        var problem = Loops.Problem with { Objective = Objective.Maximize("accuracy") };
        Assert.IsType<Accept>(await JudgeAsync(new(), Comparisons.Of([0.5, 0.6], 0.61, problem: problem)));
        Assert.IsType<Reject>(await JudgeAsync(new(), Comparisons.Of([0.5, 0.6], 0.59, problem: problem)));
    }

    [Fact]
    public async Task JudgeAsync_MinGain_MustBeExceeded()
    {
        Assert.IsType<Reject>(await JudgeAsync(new(0.25), Comparisons.Of([1.0], 0.75)));
        Assert.IsType<Accept>(await JudgeAsync(new(0.25), Comparisons.Of([1.0], 0.7499)));
    }

    [Fact]
    public async Task JudgeAsync_IncumbentWithoutAScore_AsksForOne()
    {
        var verdict = Assert.IsType<NeedMore>(await JudgeAsync(new(), Comparisons.Of([], 0.5)));
        Assert.Equal(Arm.Incumbent, verdict.Arm);
    }

    [Fact]
    public async Task JudgeAsync_DecimalCommaCulture_NumbersStayInvariant()
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        CultureInfo.CurrentCulture.NumberFormat.NumberDecimalSeparator = ",";
        try
        {
            Assert.Equal("better in one run: 0.75 against the best so far, 1: gain 0.25",
                (await JudgeAsync(new(), Comparisons.Of([1.0], 0.75))).Reason);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Constructor_NonsenseMargin_IsRefused(double margin) =>
        Assert.Contains("minimal gain", Assert.Throws<ArgumentOutOfRangeException>(() => new GreedyRatchet(margin)).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task JudgeAsync_Rejected_SaysByHowMuchItHadToBeBetter()
    {
        Assert.Equal("not better: 1.5 against the best so far, 1: gain -0.5",
            (await JudgeAsync(new(), Comparisons.Of([1.0], 1.5))).Reason);
        var strict = await JudgeAsync(new(0.25), Comparisons.Of([1.0], 0.875));
        Assert.Equal("not better: 0.875 against the best so far, 1: gain 0.125, more than 0.25 is needed", strict.Reason);
        Assert.Equal((0.125, 0.875, 1.0), (strict.Statistics["gain"], strict.Statistics["score"], strict.Statistics["best"]));
        Assert.Equal("the incumbent has no score yet", (await JudgeAsync(new(), Comparisons.Of([], 0.5))).Reason);
    }
}
