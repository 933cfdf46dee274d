namespace AutoResearch.Tests;

public sealed class NormalTests
{
    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(-1, 0.158655253931457)]
    [InlineData(1.959963984540054, 0.975)]
    [InlineData(-5, 2.866515718791939e-7)]
    public void Cdf_KnownValues(double z, double expected) =>
        Assert.InRange(Normal.Cdf(z), expected * (1 - 2e-7), expected * (1 + 2e-7));

    [Theory]
    [InlineData(0, 0.398942280401433)]
    [InlineData(1, 0.241970724519143)]
    [InlineData(-2.5, 0.0175283004935685)]
    public void Density_KnownValues(double z, double expected) => Assert.Equal(expected, Normal.Density(z), 14);
}
