using System.Buffers;

namespace AutoResearch.Pretraining;

/// <summary>Text with the differences removed that hardly count: numbers, white space and ASCII case.</summary>
internal static class NormalizedText
{
    public static UInt128 Fingerprint(ReadOnlySpan<byte> text)
    {
        var rented = ArrayPool<byte>.Shared.Rent(text.Length);
        var length = 0;
        foreach (var value in text)
        {
            var normal = value switch
            {
                >= (byte)'0' and <= (byte)'9' => (byte)'0',
                >= (byte)'A' and <= (byte)'Z' => (byte)(value | 0x20),
                (byte)'\t' or (byte)'\n' or (byte)'\r' => (byte)' ',
                _ => value,
            };
            if (normal is (byte)'0' or (byte)' ' && length > 0 && rented[length - 1] == normal) continue;
            rented[length++] = normal;
        }

        var fingerprint = CorpusBuilder.Fingerprint(rented.AsSpan(0, length).Trim((byte)' '));
        ArrayPool<byte>.Shared.Return(rented);
        return fingerprint;
    }
}
