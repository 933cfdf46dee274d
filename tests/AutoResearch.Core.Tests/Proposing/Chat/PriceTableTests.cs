namespace AutoResearch.Tests;

public sealed class PriceTableTests
{
    private static readonly PriceTable s_prices = new([new("mind", new(3, 15, 0.3m)), new("mind-small", new(1, 5))]);

    [Theory]
    [InlineData("mind-2026-05", 3)]
    [InlineData("MIND-small-2026", 1)]
    [InlineData("other", 3)] // the dearest
    public void Of_Model_IsTheLongestNameItBeginsWith(string model, int input) => Assert.Equal(input, s_prices.Of(model).Input);

    [Fact]
    public void Of_Call_CountsCachedTokensApart() =>
        Assert.Equal(((1000 * 3) + (2000 * 0.3m) + (100 * 15)) / 1_000_000m, s_prices.Of("mind").Of(3000, 100, 2000));

    [Fact]
    public void Constructor_NegativePrice_NamesTheModel() =>
        Assert.Contains("'x'", Assert.Throws<ArgumentException>(() => new PriceTable([new("x", new(-1, 0))])).Message,
            StringComparison.Ordinal);
}
