namespace AutoResearch.Pretraining.Tests;

public sealed class LogSumExpTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(300)]
    [InlineData(2047)]
    [InlineData(65_536)]
    public void Of_AnyLength_IsThatOfDoublePrecision(int count)
    {
        var random = new Random(count);
        var logits = Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() - 0.5) * 40)).ToArray();
        var max = logits.Max();
        Assert.Equal(max + Math.Log(logits.Sum(l => Math.Exp((double)l - max))), LogSumExp.Of(logits), 6);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Of_NotFiniteAnywhere_IsNaN(float value)
    {
        for (var i = 0; i < 37; i++)
        {
            var logits = new float[37];
            logits[i] = value;
            Assert.True(double.IsNaN(LogSumExp.Of(logits)), $"at {i}");
        }
    }

    [Fact]
    public void Of_ExtremeLogits_DoesNotOverflow() => Assert.Equal(1, LogSumExp.Of([3e38f, 3e38f, -3e38f]) / 3e38f, 12);
}
