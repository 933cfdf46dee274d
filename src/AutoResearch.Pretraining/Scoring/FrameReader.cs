using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace AutoResearch.Pretraining;

/// <summary>Takes the content of a frame apart.</summary>
internal ref struct FrameReader(ReadOnlySpan<byte> content)
{
    private ReadOnlySpan<byte> _rest = content;

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Take(sizeof(double)));

    public ReadOnlySpan<byte> Bytes(int count) => Take(count);

    public void Int32s(Span<int> values)
    {
        var source = Take(values.Length * sizeof(int));
        if (BitConverter.IsLittleEndian) source.CopyTo(MemoryMarshal.AsBytes(values));
        else for (var i = 0; i < values.Length; i++)
            values[i] = BinaryPrimitives.ReadInt32LittleEndian(source[(i * sizeof(int))..]);
    }

    /// <exception cref="FrameException">Something is left.</exception>
    public readonly void End()
    {
        if (!_rest.IsEmpty) throw new FrameException($"a frame has {_rest.Length} bytes too many");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_rest.Length < count) throw new FrameException($"a frame is {count - _rest.Length} bytes too short");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
