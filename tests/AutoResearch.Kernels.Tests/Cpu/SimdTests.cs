using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels.Tests;

public sealed class SimdTests
{
    [Fact]
    public void Exp_WholeRange_RelativeErrorIsSmall()
    {
        for (var x = -86.9f; x < 87f; x += 0.0371f)
            Assert.Equal(1, Simd.Exp(Vector512.Create(x))[3] / Math.Exp(x), 2.5e-7);
        Assert.Equal(0, Simd.Exp(Vector512.Create(-1000f))[0]);
        Assert.Equal(0, Simd.Exp(Vector512.Create(float.NegativeInfinity))[0]);
        Assert.True(float.IsNaN(Simd.Exp(Vector512.Create(float.NaN))[0]));
    }

    [Fact]
    public void Tanh_WholeRange_RelativeErrorIsSmall()
    {
        for (var x = -12f; x < 12f; x += 0.00371f)
            Assert.Equal(1, Simd.Tanh(Vector512.Create(x))[5] / Math.Tanh(x), 4e-7);
        Assert.Equal(1, Simd.Tanh(Vector512.Create(1e9f))[0]);
        Assert.True(float.IsNaN(Simd.Tanh(Vector512.Create(float.NaN))[0]));
    }
}
