namespace AutoResearch.Tests;

public sealed class SampleTests
{
    [Fact]
    public void Of_Scores_CountMeanAndSquaresAboutIt()
    {
        var sample = Sample.Of([1.0, 2, 6]);
        Assert.Equal((3, 3.0, 14.0, 7.0), (sample.Count, sample.Mean, sample.Squares, sample.Variance));
    }

    [Fact]
    public void Variance_FewerThanTwoScores_IsUnknown()
    {
        Assert.Equal(double.NaN, Sample.Of([]).Variance);
        Assert.Equal(double.NaN, Sample.Of([5.0]).Variance);
    }

    [Fact]
    public void WelchHalfWidth_NoSpreadToTellFrom_IsZero()
    {
        Assert.Equal(0, Sample.WelchHalfWidth(Sample.Of([1.0]), Sample.Of([1.0, 2.0]), 0.95));
        Assert.Equal(0, Sample.WelchHalfWidth(Sample.Of([1.0, 2.0]), Sample.Of([1.0]), 0.95));
        Assert.Equal(0, Sample.WelchHalfWidth(Sample.Of([1.0, 1.0]), Sample.Of([2.0, 2.0]), 0.95));
    }

    [Fact]
    public void WelchHalfWidth_UnequalVariances_WelchSatterthwaite()
    {
        // Variances 8 and 3 with 2 and 3 runs: 4 + 1 = 5, degrees of freedom 5² / (4²/1 + 1²/2) = 25 / 16.5.
        var (a, b) = (Sample.Of([-2.0, 2]), Sample.Of([-Math.Sqrt(3), 0, Math.Sqrt(3)]));
        Assert.Equal(StudentT.Quantile(0.975, 25 / 16.5) * Math.Sqrt(5), Sample.WelchHalfWidth(a, b, 0.95), 9);
        Assert.Equal(StudentT.Quantile(0.95, 25 / 16.5) * Math.Sqrt(5), Sample.WelchHalfWidth(b, a, 0.9), 9);
    }
}
