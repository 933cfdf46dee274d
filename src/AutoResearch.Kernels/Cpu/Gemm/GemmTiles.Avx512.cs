using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AutoResearch.Kernels;

internal static unsafe partial class GemmTiles
{
    /// <summary>28 accumulators, 2 vectors of B and a broadcast of 32 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Tile14x32(float* a, float* b, float* c, nint ldc, nint depth, bool add)
    {
        // C is asked for now, so that it has come when the sums are done.
        for (nint row = 0; row < 14; row++)
        {
            Sse.Prefetch0(c + (row * ldc));
            Sse.Prefetch0(c + (row * ldc) + 16);
            Sse.Prefetch0(c + (row * ldc) + 31);
        }

        Vector512<float> c0_0 = default, c0_1 = default;
        Vector512<float> c1_0 = default, c1_1 = default;
        Vector512<float> c2_0 = default, c2_1 = default;
        Vector512<float> c3_0 = default, c3_1 = default;
        Vector512<float> c4_0 = default, c4_1 = default;
        Vector512<float> c5_0 = default, c5_1 = default;
        Vector512<float> c6_0 = default, c6_1 = default;
        Vector512<float> c7_0 = default, c7_1 = default;
        Vector512<float> c8_0 = default, c8_1 = default;
        Vector512<float> c9_0 = default, c9_1 = default;
        Vector512<float> c10_0 = default, c10_1 = default;
        Vector512<float> c11_0 = default, c11_1 = default;
        Vector512<float> c12_0 = default, c12_1 = default;
        Vector512<float> c13_0 = default, c13_1 = default;
        for (nint p = 0; p < depth; p++)
        {
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var a0 = Vector512.Create(a[0]);
            c0_0 = Vector512.MultiplyAddEstimate(a0, b0, c0_0);
            c0_1 = Vector512.MultiplyAddEstimate(a0, b1, c0_1);
            var a1 = Vector512.Create(a[1]);
            c1_0 = Vector512.MultiplyAddEstimate(a1, b0, c1_0);
            c1_1 = Vector512.MultiplyAddEstimate(a1, b1, c1_1);
            var a2 = Vector512.Create(a[2]);
            c2_0 = Vector512.MultiplyAddEstimate(a2, b0, c2_0);
            c2_1 = Vector512.MultiplyAddEstimate(a2, b1, c2_1);
            var a3 = Vector512.Create(a[3]);
            c3_0 = Vector512.MultiplyAddEstimate(a3, b0, c3_0);
            c3_1 = Vector512.MultiplyAddEstimate(a3, b1, c3_1);
            var a4 = Vector512.Create(a[4]);
            c4_0 = Vector512.MultiplyAddEstimate(a4, b0, c4_0);
            c4_1 = Vector512.MultiplyAddEstimate(a4, b1, c4_1);
            var a5 = Vector512.Create(a[5]);
            c5_0 = Vector512.MultiplyAddEstimate(a5, b0, c5_0);
            c5_1 = Vector512.MultiplyAddEstimate(a5, b1, c5_1);
            var a6 = Vector512.Create(a[6]);
            c6_0 = Vector512.MultiplyAddEstimate(a6, b0, c6_0);
            c6_1 = Vector512.MultiplyAddEstimate(a6, b1, c6_1);
            var a7 = Vector512.Create(a[7]);
            c7_0 = Vector512.MultiplyAddEstimate(a7, b0, c7_0);
            c7_1 = Vector512.MultiplyAddEstimate(a7, b1, c7_1);
            var a8 = Vector512.Create(a[8]);
            c8_0 = Vector512.MultiplyAddEstimate(a8, b0, c8_0);
            c8_1 = Vector512.MultiplyAddEstimate(a8, b1, c8_1);
            var a9 = Vector512.Create(a[9]);
            c9_0 = Vector512.MultiplyAddEstimate(a9, b0, c9_0);
            c9_1 = Vector512.MultiplyAddEstimate(a9, b1, c9_1);
            var a10 = Vector512.Create(a[10]);
            c10_0 = Vector512.MultiplyAddEstimate(a10, b0, c10_0);
            c10_1 = Vector512.MultiplyAddEstimate(a10, b1, c10_1);
            var a11 = Vector512.Create(a[11]);
            c11_0 = Vector512.MultiplyAddEstimate(a11, b0, c11_0);
            c11_1 = Vector512.MultiplyAddEstimate(a11, b1, c11_1);
            var a12 = Vector512.Create(a[12]);
            c12_0 = Vector512.MultiplyAddEstimate(a12, b0, c12_0);
            c12_1 = Vector512.MultiplyAddEstimate(a12, b1, c12_1);
            var a13 = Vector512.Create(a[13]);
            c13_0 = Vector512.MultiplyAddEstimate(a13, b0, c13_0);
            c13_1 = Vector512.MultiplyAddEstimate(a13, b1, c13_1);
            a += 14;
            b += 32;
        }

        if (add)
        {
            c0_0 += Vector512.Load(c);
            c0_1 += Vector512.Load(c + 16);
            c1_0 += Vector512.Load(c + ldc);
            c1_1 += Vector512.Load(c + ldc + 16);
            c2_0 += Vector512.Load(c + (2 * ldc));
            c2_1 += Vector512.Load(c + (2 * ldc) + 16);
            c3_0 += Vector512.Load(c + (3 * ldc));
            c3_1 += Vector512.Load(c + (3 * ldc) + 16);
            c4_0 += Vector512.Load(c + (4 * ldc));
            c4_1 += Vector512.Load(c + (4 * ldc) + 16);
            c5_0 += Vector512.Load(c + (5 * ldc));
            c5_1 += Vector512.Load(c + (5 * ldc) + 16);
            c6_0 += Vector512.Load(c + (6 * ldc));
            c6_1 += Vector512.Load(c + (6 * ldc) + 16);
            c7_0 += Vector512.Load(c + (7 * ldc));
            c7_1 += Vector512.Load(c + (7 * ldc) + 16);
            c8_0 += Vector512.Load(c + (8 * ldc));
            c8_1 += Vector512.Load(c + (8 * ldc) + 16);
            c9_0 += Vector512.Load(c + (9 * ldc));
            c9_1 += Vector512.Load(c + (9 * ldc) + 16);
            c10_0 += Vector512.Load(c + (10 * ldc));
            c10_1 += Vector512.Load(c + (10 * ldc) + 16);
            c11_0 += Vector512.Load(c + (11 * ldc));
            c11_1 += Vector512.Load(c + (11 * ldc) + 16);
            c12_0 += Vector512.Load(c + (12 * ldc));
            c12_1 += Vector512.Load(c + (12 * ldc) + 16);
            c13_0 += Vector512.Load(c + (13 * ldc));
            c13_1 += Vector512.Load(c + (13 * ldc) + 16);
        }

        c0_0.Store(c);
        c0_1.Store(c + 16);
        c += ldc;
        c1_0.Store(c);
        c1_1.Store(c + 16);
        c += ldc;
        c2_0.Store(c);
        c2_1.Store(c + 16);
        c += ldc;
        c3_0.Store(c);
        c3_1.Store(c + 16);
        c += ldc;
        c4_0.Store(c);
        c4_1.Store(c + 16);
        c += ldc;
        c5_0.Store(c);
        c5_1.Store(c + 16);
        c += ldc;
        c6_0.Store(c);
        c6_1.Store(c + 16);
        c += ldc;
        c7_0.Store(c);
        c7_1.Store(c + 16);
        c += ldc;
        c8_0.Store(c);
        c8_1.Store(c + 16);
        c += ldc;
        c9_0.Store(c);
        c9_1.Store(c + 16);
        c += ldc;
        c10_0.Store(c);
        c10_1.Store(c + 16);
        c += ldc;
        c11_0.Store(c);
        c11_1.Store(c + 16);
        c += ldc;
        c12_0.Store(c);
        c12_1.Store(c + 16);
        c += ldc;
        c13_0.Store(c);
        c13_1.Store(c + 16);
    }
}
