using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>512-bit vectors of AVX-512.</summary>
internal readonly unsafe struct Lanes16(Vector512<float> value) : ILanes<Lanes16>
{
    private readonly Vector512<float> _value = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Load(float* address) => new(Vector512.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* address) => _value.Store(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator +(Lanes16 left, Lanes16 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator -(Lanes16 left, Lanes16 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator *(Lanes16 left, Lanes16 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Max(Lanes16 left, Lanes16 right) => new(Vector512.MaxNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Same(Lanes16 left, Lanes16 right) => Vector512.EqualsAll(left._value, right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Visible(Lanes16 value, Lanes16 key, Lanes16 low, Lanes16 high) => new(Vector512.ConditionalSelect(
        Vector512.LessThanOrEqual(low._value, key._value) & Vector512.LessThanOrEqual(key._value, high._value),
        value._value, Vector512.Create(float.NegativeInfinity)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Finite(Lanes16 value) => new(Vector512.ConditionalSelect(
        Vector512.Equals(value._value, Vector512.Create(float.NegativeInfinity)), default, value._value));

    // The low bits of the shifted number are 127 + n with n the nearest integer; moved up, they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Exp2(Lanes16 x)
    {
        var clamped = Vector512.MaxNative(Vector512.Create(-127f), x._value);
        var shifted = clamped + Vector512.Create(ExpPolynomial.Shift);
        var r = clamped - (shifted - Vector512.Create(ExpPolynomial.Shift));
        var p = Vector512.MultiplyAddEstimate(Vector512.Create(ExpPolynomial.C5), r, Vector512.Create(ExpPolynomial.C4));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(ExpPolynomial.C3));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(ExpPolynomial.C2));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(ExpPolynomial.C1));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512<float>.One);
        var power = Vector512.ShiftLeft(shifted.AsInt32(), 23);
        return new(p * power.AsSingle());
    }
}
