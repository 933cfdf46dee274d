using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

internal static unsafe partial class GemmTiles
{
    /// <summary>16 accumulators of 128 bits; the shape for ARM64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Tile8x8(float* a, float* b, float* c, nint ldc, nint depth, bool add)
    {
        Vector128<float> c0_0 = default, c0_1 = default;
        Vector128<float> c1_0 = default, c1_1 = default;
        Vector128<float> c2_0 = default, c2_1 = default;
        Vector128<float> c3_0 = default, c3_1 = default;
        Vector128<float> c4_0 = default, c4_1 = default;
        Vector128<float> c5_0 = default, c5_1 = default;
        Vector128<float> c6_0 = default, c6_1 = default;
        Vector128<float> c7_0 = default, c7_1 = default;
        for (nint p = 0; p < depth; p++)
        {
            var b0 = Vector128.Load(b);
            var b1 = Vector128.Load(b + 4);
            var a0 = Vector128.Create(a[0]);
            c0_0 = Vector128.MultiplyAddEstimate(a0, b0, c0_0);
            c0_1 = Vector128.MultiplyAddEstimate(a0, b1, c0_1);
            var a1 = Vector128.Create(a[1]);
            c1_0 = Vector128.MultiplyAddEstimate(a1, b0, c1_0);
            c1_1 = Vector128.MultiplyAddEstimate(a1, b1, c1_1);
            var a2 = Vector128.Create(a[2]);
            c2_0 = Vector128.MultiplyAddEstimate(a2, b0, c2_0);
            c2_1 = Vector128.MultiplyAddEstimate(a2, b1, c2_1);
            var a3 = Vector128.Create(a[3]);
            c3_0 = Vector128.MultiplyAddEstimate(a3, b0, c3_0);
            c3_1 = Vector128.MultiplyAddEstimate(a3, b1, c3_1);
            var a4 = Vector128.Create(a[4]);
            c4_0 = Vector128.MultiplyAddEstimate(a4, b0, c4_0);
            c4_1 = Vector128.MultiplyAddEstimate(a4, b1, c4_1);
            var a5 = Vector128.Create(a[5]);
            c5_0 = Vector128.MultiplyAddEstimate(a5, b0, c5_0);
            c5_1 = Vector128.MultiplyAddEstimate(a5, b1, c5_1);
            var a6 = Vector128.Create(a[6]);
            c6_0 = Vector128.MultiplyAddEstimate(a6, b0, c6_0);
            c6_1 = Vector128.MultiplyAddEstimate(a6, b1, c6_1);
            var a7 = Vector128.Create(a[7]);
            c7_0 = Vector128.MultiplyAddEstimate(a7, b0, c7_0);
            c7_1 = Vector128.MultiplyAddEstimate(a7, b1, c7_1);
            a += 8;
            b += 8;
        }

        if (add)
        {
            c0_0 += Vector128.Load(c);
            c0_1 += Vector128.Load(c + 4);
            c1_0 += Vector128.Load(c + ldc);
            c1_1 += Vector128.Load(c + ldc + 4);
            c2_0 += Vector128.Load(c + (2 * ldc));
            c2_1 += Vector128.Load(c + (2 * ldc) + 4);
            c3_0 += Vector128.Load(c + (3 * ldc));
            c3_1 += Vector128.Load(c + (3 * ldc) + 4);
            c4_0 += Vector128.Load(c + (4 * ldc));
            c4_1 += Vector128.Load(c + (4 * ldc) + 4);
            c5_0 += Vector128.Load(c + (5 * ldc));
            c5_1 += Vector128.Load(c + (5 * ldc) + 4);
            c6_0 += Vector128.Load(c + (6 * ldc));
            c6_1 += Vector128.Load(c + (6 * ldc) + 4);
            c7_0 += Vector128.Load(c + (7 * ldc));
            c7_1 += Vector128.Load(c + (7 * ldc) + 4);
        }

        c0_0.Store(c);
        c0_1.Store(c + 4);
        c += ldc;
        c1_0.Store(c);
        c1_1.Store(c + 4);
        c += ldc;
        c2_0.Store(c);
        c2_1.Store(c + 4);
        c += ldc;
        c3_0.Store(c);
        c3_1.Store(c + 4);
        c += ldc;
        c4_0.Store(c);
        c4_1.Store(c + 4);
        c += ldc;
        c5_0.Store(c);
        c5_1.Store(c + 4);
        c += ldc;
        c6_0.Store(c);
        c6_1.Store(c + 4);
        c += ldc;
        c7_0.Store(c);
        c7_1.Store(c + 4);
    }
}
