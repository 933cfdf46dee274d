namespace AutoResearch.Kernels;

/// <summary>Conversions between single precision and the upper 16 bits of it, rounded to nearest even.</summary>
internal static class BFloat16
{
    internal static ushort FromSingle(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x40); // rounding up could carry a NaN over to infinity
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    internal static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    internal static ushort[] FromSingles(ReadOnlySpan<float> values)
    {
        var bits = new ushort[values.Length];
        for (var i = 0; i < bits.Length; i++) bits[i] = FromSingle(values[i]);
        return bits;
    }

    internal static void ToSingles(ReadOnlySpan<ushort> bits, Span<float> values)
    {
        for (var i = 0; i < bits.Length; i++) values[i] = ToSingle(bits[i]);
    }
}
