using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>256-bit vectors of AVX2.</summary>
internal readonly unsafe struct Lanes8(Vector256<float> value) : ILanes<Lanes8>
{
    private readonly Vector256<float> _value = value;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Load(float* address) => new(Vector256.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* address) => _value.Store(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator +(Lanes8 left, Lanes8 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator -(Lanes8 left, Lanes8 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator *(Lanes8 left, Lanes8 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Max(Lanes8 left, Lanes8 right) => new(Vector256.MaxNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Same(Lanes8 left, Lanes8 right) => Vector256.EqualsAll(left._value, right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Visible(Lanes8 value, Lanes8 key, Lanes8 low, Lanes8 high) => new(Vector256.ConditionalSelect(
        Vector256.LessThanOrEqual(low._value, key._value) & Vector256.LessThanOrEqual(key._value, high._value),
        value._value, Vector256.Create(float.NegativeInfinity)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Finite(Lanes8 value) => new(Vector256.ConditionalSelect(
        Vector256.Equals(value._value, Vector256.Create(float.NegativeInfinity)), default, value._value));

    // The low bits of the shifted number are 127 + n with n the nearest integer; moved up, they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Exp2(Lanes8 x)
    {
        var clamped = Vector256.MaxNative(Vector256.Create(-127f), x._value);
        var shifted = clamped + Vector256.Create(ExpPolynomial.Shift);
        var r = clamped - (shifted - Vector256.Create(ExpPolynomial.Shift));
        var p = Vector256.MultiplyAddEstimate(Vector256.Create(ExpPolynomial.C5), r, Vector256.Create(ExpPolynomial.C4));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(ExpPolynomial.C3));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(ExpPolynomial.C2));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(ExpPolynomial.C1));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256<float>.One);
        var power = Vector256.ShiftLeft(shifted.AsInt32(), 23);
        return new(p * power.AsSingle());
    }
}
