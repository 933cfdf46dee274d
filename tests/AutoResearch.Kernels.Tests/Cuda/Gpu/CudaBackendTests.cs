namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Every operation of the CUDA backend, with the library's kernels on the emulated GPU, against the reference.</summary>
[Collection(nameof(EmulatedGpu))]
public sealed class CudaBackendTests : IDisposable
{
    private readonly CudaBackend _cuda = EmulatedGpu.Open();

    public void Dispose() => _cuda.Dispose();

    [Theory]
    [InlineData(1, 8)]
    [InlineData(13, 24)]
    [InlineData(9, 512)]
    [InlineData(5, 1024)]
    [InlineData(3, 1536)]
    [InlineData(2, 2568)]
    public void RmsNorm_AnyShape_IsTheReference(int rows, int columns) =>
        Operations.RmsNorm(rows, columns).Check(_cuda);

    [Theory]
    [InlineData(1, 8, false)]
    [InlineData(13, 24, true)]
    [InlineData(9, 512, false)]
    [InlineData(5, 1024, true)]
    [InlineData(3, 1544, false)]
    [InlineData(2, 2568, true)]
    public void MixNorm_AnyShape_IsTheReference(int rows, int columns, bool same) =>
        Operations.MixNorm(rows, columns, same).Check(_cuda);

    [Theory]
    [InlineData(7, 8, 1, false, 0)]
    [InlineData(1, 16, 5, true, 0)]
    [InlineData(40, 24, 63, false, 0)]
    [InlineData(300, 136, 200, true, 130)]
    [InlineData(300, 1032, 65, false, 65)]
    [InlineData(70000, 8, 1500, true, 900)]
    public void Embedding_AnyShape_IsTheReference(int vocabulary, int columns, int count, bool normalize, int mostOften) =>
        Operations.Embedding(vocabulary, columns, count, normalize, mostOften).Check(_cuda);

    [Theory]
    [InlineData(1, 8, 8, false)]
    [InlineData(17, 24, 40, true)]
    [InlineData(33, 40, 3, false)]
    public void Linear_AnyShape_IsTheReference(int rows, int inputs, int outputs, bool residual) =>
        Operations.Linear(rows, inputs, outputs, residual).Check(_cuda);

    [Theory]
    [InlineData(1, 8, 32)]
    [InlineData(19, 24, 72)]
    public void Mlp_AnyShape_IsTheReference(int rows, int columns, int hidden) =>
        Operations.Mlp(rows, columns, hidden).Check(_cuda, 1.5e-2);

    [Theory]
    [InlineData(1, 8, 2, 15f, 1f)]
    [InlineData(9, 16, 37, 0f, 1f)]
    [InlineData(9, 16, 37, 3f, 3f)]
    [InlineData(3, 8, 2050, 15f, 1f)]
    [InlineData(3, 8, 5000, 15f, 1f)]
    [InlineData(3, 8, 8192, 0f, 4f)]
    [InlineData(2, 8, 8199, 15f, 1f)]
    [InlineData(2, 8, 16391, 15f, 1f)]
    [InlineData(2, 8, 32777, 15f, 1f)]
    public void CrossEntropy_AnyShape_IsTheReference(int rows, int columns, int vocabulary, float softcap, float scale) =>
        Operations.CrossEntropy(rows, columns, vocabulary, softcap, scale).Check(_cuda, 2e-2);

    [Fact]
    public void CrossEntropy_NothingCounts_IsZero() => Operations.CrossEntropy(5, 8, 9, 15, ignoreAll: true).Check(_cuda);

    [Fact]
    public void CrossEntropy_SeveralChunks_IsTheReference()
    {
        using var cuda = EmulatedGpu.Open(logitsBytes: 1 << 16); // 128 rows of logits at a time
        Operations.CrossEntropy(300, 8, 70, 15).Check(cuda, 2e-2);
    }

    [Theory]
    [InlineData(1, 1, 1, 1, 64, 8, 8, false)]
    [InlineData(2, 7, 3, 1, 64, 24, 12, true)]
    [InlineData(1, 33, 4, 4, 128, 40, 40, true)]
    [InlineData(2, 5, 6, 3, 16, 48, 33, true)]
    [InlineData(1, 9, 2, 2, 512, 16, 3, true)]
    public void Qkv_AnyLayout_IsTheReference(
        int batch, int sequence, int heads, int kvHeads, int headDim, int channels, int gateChannels, bool values)
    {
        var layout = new AttentionLayout(batch, sequence, heads, kvHeads, headDim);
        Operations.Qkv(layout, channels, gateChannels, rotary: false, values).Check(_cuda, 1.5e-2);
        Operations.Qkv(layout, channels, gateChannels, rotary: true, values).Check(_cuda, 1.5e-2);
    }

    [Theory]
    [InlineData(1, 1, 1, 1, 64, -1)]
    [InlineData(2, 70, 2, 1, 64, 13)]
    [InlineData(1, 131, 2, 2, 128, -1)]
    [InlineData(1, 150, 4, 2, 128, 64)]
    [InlineData(2, 150, 2, 1, 64, -1, true)]
    [InlineData(2, 131, 2, 2, 128, 40, true)]
    public void Attention_AnyLayout_IsTheReference(
        int batch, int sequence, int heads, int kvHeads, int headDim, int window, bool documents = false) =>
        Operations.Attention(new(batch, sequence, heads, kvHeads, headDim), window, documents).Check(_cuda, 2e-2);

    [Theory]
    [InlineData(64, 13)]
    [InlineData(128, -1)]
    public void Attention_BeforeHopper_IsTheReference(int headDim, int window)
    {
        EmulatedGpu.Set(8, 6, 0);
        try
        {
            using var cuda = EmulatedGpu.Open();
            Operations.Attention(new(1, 70, 2, 1, headDim), window).Check(cuda, 2e-2);
            Operations.Attention(new(2, 70, 2, 1, headDim), window, documents: true).Check(cuda, 2e-2);
        }
        finally
        {
            EmulatedGpu.Set(9, 0, 0);
        }
    }

    [Fact]
    public void Attention_HeadOf32_SaysWhatItTakes()
    {
        var error = Assert.Throws<ArgumentException>(() => Operations.Attention(new(1, 4, 1, 1, 32), -1).Check(_cuda));
        Assert.Contains("64 or 128", error.Message, StringComparison.Ordinal);
    }
}
