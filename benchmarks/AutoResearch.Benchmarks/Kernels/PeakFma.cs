using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Benchmarks.Kernels;

/// <summary>Peak single-precision rate of one core, measured with twelve independent chains of fused multiply-adds.</summary>
internal static class PeakFma
{
    /// <summary>GFLOP/s of one burst of a few milliseconds with the widest vectors of this machine.</summary>
    public static double Measure()
    {
        const long steps = 400_000;
        var wide = Vector512.IsHardwareAccelerated;
        var watch = Stopwatch.StartNew();
        var sum = wide ? Chains512(steps) : Chains256(steps);
        var seconds = watch.Elapsed.TotalSeconds;
        GC.KeepAlive(sum);
        return steps * 12.0 * 2 * (wide ? 16 : 8) / seconds / 1e9;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains512(long steps)
    {
        Vector512<float> s = Vector512.Create(0.999f), t = Vector512.Create(0.001f);
        Vector512<float> a0 = s, a1 = s, a2 = s, a3 = s, a4 = s, a5 = s, a6 = s, a7 = s, a8 = s, a9 = s, a10 = s, a11 = s;
        for (long i = 0; i < steps; i++)
        {
            a0 = Vector512.FusedMultiplyAdd(s, t, a0);
            a1 = Vector512.FusedMultiplyAdd(s, t, a1);
            a2 = Vector512.FusedMultiplyAdd(s, t, a2);
            a3 = Vector512.FusedMultiplyAdd(s, t, a3);
            a4 = Vector512.FusedMultiplyAdd(s, t, a4);
            a5 = Vector512.FusedMultiplyAdd(s, t, a5);
            a6 = Vector512.FusedMultiplyAdd(s, t, a6);
            a7 = Vector512.FusedMultiplyAdd(s, t, a7);
            a8 = Vector512.FusedMultiplyAdd(s, t, a8);
            a9 = Vector512.FusedMultiplyAdd(s, t, a9);
            a10 = Vector512.FusedMultiplyAdd(s, t, a10);
            a11 = Vector512.FusedMultiplyAdd(s, t, a11);
        }

        return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11)[0];
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains256(long steps)
    {
        Vector256<float> s = Vector256.Create(0.999f), t = Vector256.Create(0.001f);
        Vector256<float> a0 = s, a1 = s, a2 = s, a3 = s, a4 = s, a5 = s, a6 = s, a7 = s, a8 = s, a9 = s, a10 = s, a11 = s;
        for (long i = 0; i < steps; i++)
        {
            a0 = Vector256.FusedMultiplyAdd(s, t, a0);
            a1 = Vector256.FusedMultiplyAdd(s, t, a1);
            a2 = Vector256.FusedMultiplyAdd(s, t, a2);
            a3 = Vector256.FusedMultiplyAdd(s, t, a3);
            a4 = Vector256.FusedMultiplyAdd(s, t, a4);
            a5 = Vector256.FusedMultiplyAdd(s, t, a5);
            a6 = Vector256.FusedMultiplyAdd(s, t, a6);
            a7 = Vector256.FusedMultiplyAdd(s, t, a7);
            a8 = Vector256.FusedMultiplyAdd(s, t, a8);
            a9 = Vector256.FusedMultiplyAdd(s, t, a9);
            a10 = Vector256.FusedMultiplyAdd(s, t, a10);
            a11 = Vector256.FusedMultiplyAdd(s, t, a11);
        }

        return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11)[0];
    }
}
