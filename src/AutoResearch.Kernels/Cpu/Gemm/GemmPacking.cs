using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AutoResearch.Kernels;

/// <summary>
/// Copies a strided block into a panel that a tile reads contiguously. It costs about one operation for every m or n that the
/// element is multiplied with, so at a few hundred rows it is what a product is slower than its tile by.
/// </summary>
internal static unsafe class GemmPacking
{
    private const int Stretch = 64;

    /// <summary>
    /// <see cref="Panel"/> for any count: one panel after the other, <paramref name="panelLength"/> floats apart. Where the
    /// source has rows, they are read once from left to right.
    /// </summary>
    internal static void Panels(
        float* source, long across, long along, int count, int width, int depth, float* target, long panelLength)
    {
        var whole = across == 1 && width >= 8 ? count / width : 0;
        if (whole > 0) CopyRows(source, along, whole, width, depth, target, panelLength);
        for (int i = whole * width, p = whole; i < count; i += width, p++)
            Panel(source + (i * across), across, along, Math.Min(width, count - i), width, depth, target + (p * panelLength));
    }

    /// <summary>target[l · width + i] = source[i · across + l · along] for i below count, 0 for the rest of the panel.</summary>
    internal static void Panel(float* source, long across, long along, int count, int width, int depth, float* target)
    {
        if (count < width) new Span<float>(target, width * depth).Clear();
        if (across == 1) CopyRows(source, along, count, width, depth, target);
        else if (along == 1) TransposeRows(source, across, count, width, depth, target);
        else Gather(source, across, along, 0, count, width, depth, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyRows(float* source, long stride, int panels, int width, int depth, float* target, long panelLength)
    {
        for (var l = 0; l < depth; l++, source += stride, target += width)
        {
            float* from = source, to = target;
            for (var p = 0; p < panels; p++, from += width, to += panelLength)
            {
                for (var i = 0; i < width - 8; i += 8) Vector256.Load(from + i).Store(to + i);
                Vector256.Load(from + width - 8).Store(to + width - 8);
            }
        }
    }

    // The last vector of a row overlaps the one before: no remainder, and nothing beyond the row is read or written.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyRows(float* source, long stride, int count, int width, int depth, float* target)
    {
        if (count >= 8)
        {
            for (var l = 0; l < depth; l++, source += stride, target += width)
            {
                for (var i = 0; i < count - 8; i += 8) Vector256.Load(source + i).Store(target + i);
                Vector256.Load(source + count - 8).Store(target + count - 8);
            }
        }
        else if (count >= 4)
        {
            for (var l = 0; l < depth; l++, source += stride, target += width)
            {
                Vector128.Load(source).Store(target);
                Vector128.Load(source + count - 4).Store(target + count - 4);
            }
        }
        else
        {
            Gather(source, 1, stride, 0, count, width, depth, target);
        }
    }

    // A stretch of depth at a time, so that every group of rows finds the panel's lines in the first-level cache.
    private static void TransposeRows(float* source, long stride, int count, int width, int depth, float* target)
    {
        for (var l = 0; l < depth; l += Stretch)
            Transpose(source + l, stride, count, width, Math.Min(Stretch, depth - l), target + ((long)l * width));
    }

    /// <summary>target[l · width + i] = source[i · stride + l] for i below count and l below depth.</summary>
    // Likewise the last group of rows overlaps the one before, which is faster than one row at a time.
    internal static void Transpose(float* source, long stride, int count, int width, int depth, float* target)
    {
        var i = 0;
        if (Avx.IsSupported && count >= 8)
        {
            for (; i < count; i += 8) Transpose8(source, stride, Math.Min(i, count - 8), width, depth, target);
        }
        else if (Sse.IsSupported && count >= 4)
        {
            for (; i < count; i += 4) Transpose4(source, stride, Math.Min(i, count - 4), width, depth, target);
        }
        else
        {
            Gather(source, stride, 1, 0, count, width, depth, target);
        }
    }

    // Eight rows from the first on become eight columns, 8 × 8 at a time in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose8(float* source, long stride, int first, int width, int depth, float* target)
    {
        float* s0 = source + (first * stride), s4 = s0 + (4 * stride), t = target + first;
        long stride2 = 2 * stride, stride3 = 3 * stride;
        var l = 0;
        for (; l + 8 <= depth; l += 8, t += 8 * width)
        {
            Columns4(s0 + l, s4 + l, t);
            Columns4(s0 + l + 4, s4 + l + 4, t + (4 * width));
        }

        if (l < depth) Gather(source + l, stride, 1, first, first + 8, width, depth - l, target + (l * width));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Columns4(float* upper, float* lower, float* to)
        {
            var a = Vector256.Create(Vector128.Load(upper), Vector128.Load(lower));
            var b = Vector256.Create(Vector128.Load(upper + stride), Vector128.Load(lower + stride));
            var c = Vector256.Create(Vector128.Load(upper + stride2), Vector128.Load(lower + stride2));
            var d = Vector256.Create(Vector128.Load(upper + stride3), Vector128.Load(lower + stride3));
            Vector256<double> abLow = Avx.UnpackLow(a, b).AsDouble(), cdLow = Avx.UnpackLow(c, d).AsDouble();
            Vector256<double> abHigh = Avx.UnpackHigh(a, b).AsDouble(), cdHigh = Avx.UnpackHigh(c, d).AsDouble();
            Avx.UnpackLow(abLow, cdLow).AsSingle().Store(to);
            Avx.UnpackHigh(abLow, cdLow).AsSingle().Store(to + width);
            Avx.UnpackLow(abHigh, cdHigh).AsSingle().Store(to + (2 * width));
            Avx.UnpackHigh(abHigh, cdHigh).AsSingle().Store(to + (3 * width));
        }
    }

    // Four rows become four columns, 4 × 4 at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose4(float* source, long stride, int first, int width, int depth, float* target)
    {
        float* s = source + (first * stride), s1 = s + stride, s2 = s1 + stride, s3 = s2 + stride, t = target + first;
        var l = 0;
        for (; l + 4 <= depth; l += 4, t += 4 * width)
        {
            Vector128<float> a = Vector128.Load(s + l), b = Vector128.Load(s1 + l), c = Vector128.Load(s2 + l),
                d = Vector128.Load(s3 + l);
            Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d);
            Vector128<float> abHigh = Sse.UnpackHigh(a, b), cdHigh = Sse.UnpackHigh(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(t);
            Sse.MoveHighToLow(cd, ab).Store(t + width);
            Sse.MoveLowToHigh(abHigh, cdHigh).Store(t + (2 * width));
            Sse.MoveHighToLow(cdHigh, abHigh).Store(t + (3 * width));
        }

        if (l < depth) Gather(source + l, stride, 1, first, first + 4, width, depth - l, target + (l * width));
    }

    private static void Gather(float* source, long across, long along, int first, int end, int width, int depth, float* target)
    {
        for (var i = first; i < end; i++)
        {
            var from = source + (i * across);
            var to = target + i;
            for (var l = 0; l < depth; l++, from += along, to += width) *to = *from;
        }
    }
}
