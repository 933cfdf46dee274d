using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>Vector loops that every CPU operation is made of. 16 lanes; narrower machines run them as pairs.</summary>
internal static unsafe class Simd
{
    internal const int Lanes = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Dot(float* a, float* b, int count)
    {
        Vector512<float> s0 = default, s1 = default;
        var i = 0;
        for (; i <= count - 32; i += 32)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + 16), Vector512.Load(b + i + 16), s1);
        }

        for (; i <= count - Lanes; i += Lanes) s0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), s0);
        var sum = Vector512.Sum(s0 + s1);
        for (; i < count; i++) sum += a[i] * b[i];
        return sum;
    }

    /// <summary>y += scale · x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddScaled(float* x, float scale, float* y, int count)
    {
        var s = Vector512.Create(scale);
        var i = 0;
        for (; i <= count - Lanes; i += Lanes)
            Vector512.FusedMultiplyAdd(Vector512.Load(x + i), s, Vector512.Load(y + i)).Store(y + i);
        for (; i < count; i++) y[i] += scale * x[i];
    }

    /// <summary>y = scale · x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Scale(float* x, float scale, float* y, int count)
    {
        var i = 0;
        for (; i <= count - Lanes; i += Lanes) (Vector512.Load(x + i) * scale).Store(y + i);
        for (; i < count; i++) y[i] = scale * x[i];
    }

    internal static float Max(float* x, int count)
    {
        var max = float.NegativeInfinity;
        var i = 0;
        if (count >= Lanes)
        {
            var m = Vector512.Load(x);
            for (i = Lanes; i <= count - Lanes; i += Lanes) m = Vector512.Max(m, Vector512.Load(x + i));
            for (var lane = 0; lane < Lanes; lane++) max = Math.Max(max, m[lane]);
        }

        for (; i < count; i++) max = Math.Max(max, x[i]);
        return max;
    }

    /// <summary>y = exp(scale · x − shift); returns the sum.</summary>
    internal static float ExpSum(float* x, float scale, float shift, float* y, int count)
    {
        Vector512<float> s = default, vs = Vector512.Create(scale), vb = Vector512.Create(-shift);
        var i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            var e = Exp(Vector512.FusedMultiplyAdd(Vector512.Load(x + i), vs, vb));
            e.Store(y + i);
            s += e;
        }

        var sum = Vector512.Sum(s);
        for (; i < count; i++) sum += y[i] = MathF.Exp((scale * x[i]) - shift);
        return sum;
    }

    /// <summary>x = cap · tanh(x / cap).</summary>
    internal static void Softcap(float* x, float cap, int count)
    {
        var i = 0;
        for (; i <= count - Lanes; i += Lanes) (Tanh(Vector512.Load(x + i) / cap) * cap).Store(x + i);
        for (; i < count; i++) x[i] = cap * MathF.Tanh(x[i] / cap);
    }

    /// <summary>Exponential, relative error about 1e-7: 2ⁿ times a polynomial on ±ln 2 / 2; 0 below −87, NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
    {
        var n = Vector512.Round(Vector512.Min(Vector512.Create(88f), x) * 1.44269504f);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.Create(1f / 5040);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 720));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 120));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 24));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 6));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        var power = Vector512.ShiftLeft(Vector512.ConvertToInt32(n) + Vector512.Create(127), 23).AsSingle();
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(-87f)), Vector512<float>.Zero, p * power);
    }

    /// <summary>Hyperbolic tangent, relative error about 2e-7: an odd polynomial below 0.625, the exponential above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Tanh(Vector512<float> x)
    {
        var z = x * x;
        var p = Vector512.Create(-5.70498872745e-3f);
        p = Vector512.FusedMultiplyAdd(p, z, Vector512.Create(2.06390887954e-2f));
        p = Vector512.FusedMultiplyAdd(p, z, Vector512.Create(-5.37397155531e-2f));
        p = Vector512.FusedMultiplyAdd(p, z, Vector512.Create(1.33314422036e-1f));
        p = Vector512.FusedMultiplyAdd(p, z, Vector512.Create(-3.33332819422e-1f));
        var small = Vector512.FusedMultiplyAdd(p * z, x, x);
        var magnitude = Vector512.Min(Vector512.Abs(x), Vector512.Create(20f));
        var large = Vector512<float>.One - (Vector512.Create(2f) / (Exp(magnitude + magnitude) + Vector512<float>.One));
        large = Vector512.CopySign(large, x);
        return Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Abs(x), Vector512.Create(0.625f)), small, large);
    }
}
