namespace AutoResearch.Pretraining.Tests;

public sealed class GptConfigTests
{
    [Theory]
    [InlineData(8, 512, 4)]
    [InlineData(9, 640, 5)] // 576 is rounded up to whole heads
    public void Dim_OfAutoresearchsRule_FollowsDepth(int depth, int dim, int heads)
    {
        var config = new GptConfig { Depth = depth, AspectRatio = 64, TargetHeadDim = 128 };
        Assert.Equal((dim, heads, heads), (config.Dim, config.Heads, config.KvHeads));
    }

    [Fact]
    public void Windows_LastLayer_IsAlwaysLong()
    {
        var config = new GptConfig { Depth = 5, WindowPattern = "SSSL", SequenceLength = 100 };
        Assert.Equal([50, 50, 50, 100, 100], Enumerable.Range(0, 5).Select(config.WindowOf));
    }

    [Theory]
    [InlineData(4, new[] { false, true, false, true })]
    [InlineData(3, new[] { true, false, true })]
    public void ValueEmbeddings_AlternateAndIncludeTheLast(int depth, bool[] expected) =>
        Assert.Equal(expected, Enumerable.Range(0, depth).Select(new GptConfig { Depth = depth }.HasValueEmbedding));

    public static TheoryData<GptConfig, string> Impossible { get; } = new()
    {
        { new GptConfig { Depth = 0 }, "Depth is 0" },
        { new GptConfig { Dim = 100 }, "Dim is 100" },
        { new GptConfig { Dim = 64, Heads = 3 }, "cannot be divided among 3 heads" },
        { new GptConfig { Dim = 64, Heads = 16 }, "4 channels per head" },
        { new GptConfig { Dim = 64, Heads = 4, KvHeads = 3 }, "cannot share 3" },
        { new GptConfig { WindowPattern = "SXL" }, "'SXL'" },
        { new GptConfig { WindowPattern = "" }, "WindowPattern" },
        { new GptConfig { SequenceLength = 0 }, "SequenceLength is 0" },
        { new GptConfig { Softcap = double.NaN }, "Softcap is NaN" },
        { new GptConfig { MlpRatio = -1 }, "MlpRatio is -1" },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void Validate_ImpossibleShape_NamesIt(GptConfig config, string part) =>
        Assert.Contains(part, Assert.Throws<ArgumentException>(config.Validate).Message, StringComparison.Ordinal);
}
