using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

internal static unsafe partial class AttentionTiles
{
    /// <summary>16 accumulators of 128 bits; the shape for ARM64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Tile8x8(float* a, nint aRow, nint aStep, float* b, nint ldb, float* c, nint ldc, nint depth, bool add)
    {
        float* a0 = a, a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow,
            a7 = a6 + aRow;
        Vector128<float> c0_0 = default, c0_1 = default;
        Vector128<float> c1_0 = default, c1_1 = default;
        Vector128<float> c2_0 = default, c2_1 = default;
        Vector128<float> c3_0 = default, c3_1 = default;
        Vector128<float> c4_0 = default, c4_1 = default;
        Vector128<float> c5_0 = default, c5_1 = default;
        Vector128<float> c6_0 = default, c6_1 = default;
        Vector128<float> c7_0 = default, c7_1 = default;
        var end = depth * aStep;
        for (nint p = 0; p < end; p += aStep, b += ldb)
        {
            Vector128<float> b0 = Vector128.Load(b), b1 = Vector128.Load(b + 4);
            var x0 = Vector128.Create(a0[p]);
            c0_0 = Vector128.MultiplyAddEstimate(x0, b0, c0_0);
            c0_1 = Vector128.MultiplyAddEstimate(x0, b1, c0_1);
            var x1 = Vector128.Create(a1[p]);
            c1_0 = Vector128.MultiplyAddEstimate(x1, b0, c1_0);
            c1_1 = Vector128.MultiplyAddEstimate(x1, b1, c1_1);
            var x2 = Vector128.Create(a2[p]);
            c2_0 = Vector128.MultiplyAddEstimate(x2, b0, c2_0);
            c2_1 = Vector128.MultiplyAddEstimate(x2, b1, c2_1);
            var x3 = Vector128.Create(a3[p]);
            c3_0 = Vector128.MultiplyAddEstimate(x3, b0, c3_0);
            c3_1 = Vector128.MultiplyAddEstimate(x3, b1, c3_1);
            var x4 = Vector128.Create(a4[p]);
            c4_0 = Vector128.MultiplyAddEstimate(x4, b0, c4_0);
            c4_1 = Vector128.MultiplyAddEstimate(x4, b1, c4_1);
            var x5 = Vector128.Create(a5[p]);
            c5_0 = Vector128.MultiplyAddEstimate(x5, b0, c5_0);
            c5_1 = Vector128.MultiplyAddEstimate(x5, b1, c5_1);
            var x6 = Vector128.Create(a6[p]);
            c6_0 = Vector128.MultiplyAddEstimate(x6, b0, c6_0);
            c6_1 = Vector128.MultiplyAddEstimate(x6, b1, c6_1);
            var x7 = Vector128.Create(a7[p]);
            c7_0 = Vector128.MultiplyAddEstimate(x7, b0, c7_0);
            c7_1 = Vector128.MultiplyAddEstimate(x7, b1, c7_1);
        }

        if (add)
        {
            var t = c;
            c0_0 += Vector128.Load(t);
            c0_1 += Vector128.Load(t + 4);
            t += ldc;
            c1_0 += Vector128.Load(t);
            c1_1 += Vector128.Load(t + 4);
            t += ldc;
            c2_0 += Vector128.Load(t);
            c2_1 += Vector128.Load(t + 4);
            t += ldc;
            c3_0 += Vector128.Load(t);
            c3_1 += Vector128.Load(t + 4);
            t += ldc;
            c4_0 += Vector128.Load(t);
            c4_1 += Vector128.Load(t + 4);
            t += ldc;
            c5_0 += Vector128.Load(t);
            c5_1 += Vector128.Load(t + 4);
            t += ldc;
            c6_0 += Vector128.Load(t);
            c6_1 += Vector128.Load(t + 4);
            t += ldc;
            c7_0 += Vector128.Load(t);
            c7_1 += Vector128.Load(t + 4);
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
