using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>What is done to a block of the result while it is still in the cache.</summary>
internal enum GemmEpilogue
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>c += other.</summary>
    Add,

    /// <summary>c = relu(c)².</summary>
    ReluSquared,

    /// <summary>c *= 2 · √other: the derivative of relu(z)² where other is relu(z)².</summary>
    ReluSquaredGradient,
}

/// <summary>Element-wise functions of a row of a result.</summary>
internal static unsafe class GemmEpilogues
{
    internal static void Apply(GemmEpilogue epilogue, float* c, float* other, int count)
    {
        switch (epilogue)
        {
            case GemmEpilogue.Add: Simd.AddScaled(other, 1, c, count); break;
            case GemmEpilogue.ReluSquared: ReluSquared(c, count); break;
            case GemmEpilogue.ReluSquaredGradient: ReluSquaredGradient(other, c, count); break;
        }
    }

    internal static void ReluSquared(float* y, int count)
    {
        var i = 0;
        for (; i <= count - Simd.Lanes; i += Simd.Lanes)
        {
            var v = Vector512.Max(Vector512.Load(y + i), Vector512<float>.Zero);
            (v * v).Store(y + i);
        }

        for (; i < count; i++) y[i] = Math.Max(y[i], 0) * Math.Max(y[i], 0);
    }

    // The derivative of relu(z)² is 2·relu(z) = 2·√(relu(z)²).
    internal static void ReluSquaredGradient(float* activated, float* gradient, int count)
    {
        var i = 0;
        for (; i <= count - Simd.Lanes; i += Simd.Lanes)
            (Vector512.Load(gradient + i) * (Vector512.Sqrt(Vector512.Load(activated + i)) * 2)).Store(gradient + i);
        for (; i < count; i++) gradient[i] *= 2 * MathF.Sqrt(activated[i]);
    }
}
