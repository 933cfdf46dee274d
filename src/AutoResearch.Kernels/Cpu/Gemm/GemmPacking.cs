using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AutoResearch.Kernels;

/// <summary>Copies a strided block into a panel that a tile reads contiguously.</summary>
internal static unsafe class GemmPacking
{
    /// <summary>target[l · width + i] = source[i · across + l · along] for i below count, 0 for the rest of the panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Panel(float* source, long across, long along, int count, int width, int depth, float* target)
    {
        if (count < width) new Span<float>(target, width * depth).Clear();
        if (across == 1)
        {
            for (var l = 0; l < depth; l++, source += along, target += width)
                Unsafe.CopyBlockUnaligned(target, source, (uint)count * sizeof(float));
            return;
        }

        var i = 0;
        if (along == 1 && Sse.IsSupported)
            for (; i + 4 <= count; i += 4) Transpose4(source + (i * across), across, depth, target + i, width);
        for (; i < count; i++)
        {
            var from = source + (i * across);
            var to = target + i;
            for (var l = 0; l < depth; l++, from += along, to += width) *to = *from;
        }
    }

    // Four rows become four columns, 4 × 4 at a time in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose4(float* s, long stride, int depth, float* t, int width)
    {
        float* s1 = s + stride, s2 = s1 + stride, s3 = s2 + stride;
        var l = 0;
        for (; l + 4 <= depth; l += 4, t += 4 * width)
        {
            Vector128<float> a = Vector128.Load(s + l), b = Vector128.Load(s1 + l), c = Vector128.Load(s2 + l), d = Vector128.Load(s3 + l);
            Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d);
            Vector128<float> abHigh = Sse.UnpackHigh(a, b), cdHigh = Sse.UnpackHigh(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(t);
            Sse.MoveHighToLow(cd, ab).Store(t + width);
            Sse.MoveLowToHigh(abHigh, cdHigh).Store(t + (2 * width));
            Sse.MoveHighToLow(cdHigh, abHigh).Store(t + (3 * width));
        }

        for (; l < depth; l++, t += width)
        {
            t[0] = s[l];
            t[1] = s1[l];
            t[2] = s2[l];
            t[3] = s3[l];
        }
    }
}
