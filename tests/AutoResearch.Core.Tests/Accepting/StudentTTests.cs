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
    [InlineData(0.1, 0.539827837277029)]
    [InlineData(1, 0.841344746068543)]
    [InlineData(2, 0.977249868051821)]
    [InlineData(-3, 0.001349898031630)]
    [InlineData(6, 0.999999999013412)]
    public void NormalCdf_KnownValues_Agree(double z, double expected) => Assert.Equal(expected, StudentT.NormalCdf(z), 12);

    [Theory] // far out the tail counts relative to itself
    [InlineData(-4, 3.167124183311992e-5)]
    [InlineData(-8, 6.220960574271786e-16)]
    public void NormalCdf_Tail_IsExactRelativeToItself(double z, double expected) =>
        Assert.Equal(1, StudentT.NormalCdf(z) / expected, 10);

    [Fact]
    public void Quantile_AnyDegreesOfFreedom_InvertsTheDistribution() => Prop.ForAll(
        Gen.Zip(Gen.Choose(1, 999), Gen.Choose(1, 4000)).ToArbitrary(), pair =>
        {
            var (p, degrees) = (pair.Item1 / 1000.0, pair.Item2 / 20.0);
            return Math.Abs(StudentT.Cdf(StudentT.Quantile(p, degrees), degrees) - p) < 1e-9;
        }).Verify(200);
}
