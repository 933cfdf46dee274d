using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>128-bit vectors: any machine.</summary>
internal readonly unsafe struct Lanes4(Vector128<float> value) : ILanes<Lanes4>
{
    private readonly Vector128<float> _value = value;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Load(float* address) => new(Vector128.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Broadcast(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* address) => _value.Store(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator +(Lanes4 left, Lanes4 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator -(Lanes4 left, Lanes4 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator *(Lanes4 left, Lanes4 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Max(Lanes4 left, Lanes4 right) => new(Vector128.MaxNative(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Same(Lanes4 left, Lanes4 right) => Vector128.EqualsAll(left._value, right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Visible(Lanes4 value, Lanes4 key, Lanes4 low, Lanes4 high) => new(Vector128.ConditionalSelect(
        Vector128.LessThanOrEqual(low._value, key._value) & Vector128.LessThanOrEqual(key._value, high._value),
        value._value, Vector128.Create(float.NegativeInfinity)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Finite(Lanes4 value) => new(Vector128.ConditionalSelect(
        Vector128.Equals(value._value, Vector128.Create(float.NegativeInfinity)), default, value._value));

    // The low bits of the shifted number are 127 + n with n the nearest integer; moved up, they are the exponent of 2ⁿ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Exp2(Lanes4 x)
    {
        var clamped = Vector128.MaxNative(Vector128.Create(-127f), x._value);
        var shifted = clamped + Vector128.Create(ExpPolynomial.Shift);
        var r = clamped - (shifted - Vector128.Create(ExpPolynomial.Shift));
        var p = Vector128.MultiplyAddEstimate(Vector128.Create(ExpPolynomial.C5), r, Vector128.Create(ExpPolynomial.C4));
        p = Vector128.MultiplyAddEstimate(p, r, Vector128.Create(ExpPolynomial.C3));
        p = Vector128.MultiplyAddEstimate(p, r, Vector128.Create(ExpPolynomial.C2));
        p = Vector128.MultiplyAddEstimate(p, r, Vector128.Create(ExpPolynomial.C1));
        p = Vector128.MultiplyAddEstimate(p, r, Vector128<float>.One);
        var power = Vector128.ShiftLeft(shifted.AsInt32(), 23);
        return new(p * power.AsSingle());
    }
}
