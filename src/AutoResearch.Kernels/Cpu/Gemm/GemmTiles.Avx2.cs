using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AutoResearch.Kernels;

internal static unsafe partial class GemmTiles
{
    /// <summary>12 accumulators, 2 vectors of B and a broadcast of 16 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Tile6x16(float* a, float* b, float* c, nint ldc, nint depth, bool add)
    {
        // C is asked for now, so that it has come when the sums are done.
        for (nint row = 0; row < 6; row++)
        {
            Sse.Prefetch0(c + (row * ldc));
            Sse.Prefetch0(c + (row * ldc) + 15);
        }

        Vector256<float> c0_0 = default, c0_1 = default;
        Vector256<float> c1_0 = default, c1_1 = default;
        Vector256<float> c2_0 = default, c2_1 = default;
        Vector256<float> c3_0 = default, c3_1 = default;
        Vector256<float> c4_0 = default, c4_1 = default;
        Vector256<float> c5_0 = default, c5_1 = default;
        for (nint p = 0; p < depth; p++)
        {
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var a0 = Vector256.Create(a[0]);
            c0_0 = Vector256.MultiplyAddEstimate(a0, b0, c0_0);
            c0_1 = Vector256.MultiplyAddEstimate(a0, b1, c0_1);
            var a1 = Vector256.Create(a[1]);
            c1_0 = Vector256.MultiplyAddEstimate(a1, b0, c1_0);
            c1_1 = Vector256.MultiplyAddEstimate(a1, b1, c1_1);
            var a2 = Vector256.Create(a[2]);
            c2_0 = Vector256.MultiplyAddEstimate(a2, b0, c2_0);
            c2_1 = Vector256.MultiplyAddEstimate(a2, b1, c2_1);
            var a3 = Vector256.Create(a[3]);
            c3_0 = Vector256.MultiplyAddEstimate(a3, b0, c3_0);
            c3_1 = Vector256.MultiplyAddEstimate(a3, b1, c3_1);
            var a4 = Vector256.Create(a[4]);
            c4_0 = Vector256.MultiplyAddEstimate(a4, b0, c4_0);
            c4_1 = Vector256.MultiplyAddEstimate(a4, b1, c4_1);
            var a5 = Vector256.Create(a[5]);
            c5_0 = Vector256.MultiplyAddEstimate(a5, b0, c5_0);
            c5_1 = Vector256.MultiplyAddEstimate(a5, b1, c5_1);
            a += 6;
            b += 16;
        }

        if (add)
        {
            c0_0 += Vector256.Load(c);
            c0_1 += Vector256.Load(c + 8);
            c1_0 += Vector256.Load(c + ldc);
            c1_1 += Vector256.Load(c + ldc + 8);
            c2_0 += Vector256.Load(c + (2 * ldc));
            c2_1 += Vector256.Load(c + (2 * ldc) + 8);
            c3_0 += Vector256.Load(c + (3 * ldc));
            c3_1 += Vector256.Load(c + (3 * ldc) + 8);
            c4_0 += Vector256.Load(c + (4 * ldc));
            c4_1 += Vector256.Load(c + (4 * ldc) + 8);
            c5_0 += Vector256.Load(c + (5 * ldc));
            c5_1 += Vector256.Load(c + (5 * ldc) + 8);
        }

        c0_0.Store(c);
        c0_1.Store(c + 8);
        c += ldc;
        c1_0.Store(c);
        c1_1.Store(c + 8);
        c += ldc;
        c2_0.Store(c);
        c2_1.Store(c + 8);
        c += ldc;
        c3_0.Store(c);
        c3_1.Store(c + 8);
        c += ldc;
        c4_0.Store(c);
        c4_1.Store(c + 8);
        c += ldc;
        c5_0.Store(c);
        c5_1.Store(c + 8);
    }
}
