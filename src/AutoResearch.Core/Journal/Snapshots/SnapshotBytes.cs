using System.Buffers.Binary;

namespace AutoResearch;

/// <summary>What follows in a snapshot.</summary>
internal enum SnapshotTag : byte
{
    Json,
    Proposed,
    Started,
    Finished,
    Judged,
}

/// <summary>Bytes that grow, and the primitive values in them.</summary>
internal sealed class SnapshotBytes
{
    private byte[] _bytes = new byte[1024];

    /// <summary>How many bytes there are; a smaller value drops the last ones.</summary>
    public int Length { get; set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public void Byte(byte value) => Room(1)[0] = value;

    public void Number(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Room(8), value);

    public void Decimal(decimal value)
    {
        var room = Room(16);
        Span<int> parts = stackalloc int[4];
        decimal.GetBits(value, parts);
        for (var i = 0; i < 4; i++) BinaryPrimitives.WriteInt32LittleEndian(room[(4 * i)..], parts[i]);
    }

    /// <summary>A number from 0, seven bits a byte.</summary>
    public void Count(int value) => Unsigned((uint)value);

    /// <summary>Any integer: the sign goes to the lowest bit, so that small numbers are short.</summary>
    public void Integer(long value) => Unsigned((ulong)((value << 1) ^ (value >> 63)));

    public void Block(ReadOnlySpan<byte> bytes)
    {
        Count(bytes.Length);
        Append(bytes);
    }

    public void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Room(bytes.Length));

    private void Unsigned(ulong value)
    {
        for (; value >= 0x80; value >>= 7) Byte((byte)(value | 0x80));
        Byte((byte)value);
    }

    private Span<byte> Room(int count)
    {
        if (Length + count > _bytes.Length) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + count));
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
