using FsCheck.Fluent;

namespace AutoResearch.Tests;

public sealed class StudentTTests
{
    [Theory] // from tables of the distribution
    [InlineData(0.975, 1, 12.706204736)]
    [InlineData(0.975, 2, 4.302652730)]
    [InlineData(0.975, 4, 2.776445105)]
    [InlineData(0.95, 10, 1.812461123)]
    [InlineData(0.995, 30, 2.749995654)]
    [InlineData(0.975, 1e7, 1.959964)]
    public void Quantile_KnownValues_Agree(double p, double degreesOfFreedom, double expected)
    {
        Assert.Equal(expected, StudentT.Quantile(p, degreesOfFreedom), 6);
        Assert.Equal(-expected, StudentT.Quantile(1 - p, degreesOfFreedom), 6);
    }

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 0.841344746068543)]
    [InlineData(2, 0.977249868051821)]
    [InlineData(-3, 0.001349898031630)]
    [InlineData(6, 0.999999999013412)]
    public void NormalCdf_KnownValues_Agree(double z, double expected) => Assert.Equal(expected, StudentT.NormalCdf(z), 12);

    [Fact]
    public void Quantile_AnyDegreesOfFreedom_InvertsTheDistribution() => Prop.ForAll(
        Gen.Zip(Gen.Choose(1, 999), Gen.Choose(1, 4000)).ToArbitrary(), pair =>
        {
            var (p, degrees) = (pair.Item1 / 1000.0, pair.Item2 / 20.0);
            return Math.Abs(StudentT.Cdf(StudentT.Quantile(p, degrees), degrees) - p) < 1e-9;
        }).Verify(200);

    [Fact]
    public void WelchHalfWidth_DegenerateSamples_IsZero()
    {
        Assert.Equal(0, Sample.WelchHalfWidth(Sample.Of([1.0]), Sample.Of([1.0, 2.0]), 0.95));
        Assert.Equal(0, Sample.WelchHalfWidth(Sample.Of([1.0, 1.0]), Sample.Of([2.0, 2.0]), 0.95));
    }

    [Fact]
    public void WelchHalfWidth_UnequalVariances_WelchSatterthwaite()
    {
        // Variances 4 and 1 with 4 and 3 runs: 1 + 1/3, degrees of freedom (4/3)² / (1/3 + (1/9)/2) = 4.571.
        var (a, b) = (Sample.Of([-Math.Sqrt(6), 0, 0, Math.Sqrt(6)]), Sample.Of([-1.0, 0, 1]));
        Assert.Equal(4, a.Variance, 12);
        Assert.Equal(1, b.Variance, 12);
        Assert.Equal(StudentT.Quantile(0.975, 32.0 / 7) * Math.Sqrt(4.0 / 3), Sample.WelchHalfWidth(a, b, 0.95), 9);
    }
}
