using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace AutoResearch.Pretraining;

/// <summary>Puts the content of a frame together in a buffer that is used again.</summary>
internal sealed class FrameWriter
{
    private byte[] _buffer = new byte[4096];
    private int _length;

    public ReadOnlyMemory<byte> Content => _buffer.AsMemory(0, _length);

    public FrameWriter Clear()
    {
        _length = 0;
        return this;
    }

    public FrameWriter Add(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), value);
        return this;
    }

    public FrameWriter Add(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value);
        return this;
    }

    public FrameWriter Add(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(Take(sizeof(double)), value);
        return this;
    }

    public FrameWriter Add(ReadOnlySpan<byte> values)
    {
        values.CopyTo(Take(values.Length));
        return this;
    }

    public FrameWriter Add(ReadOnlySpan<int> values)
    {
        var target = Take(values.Length * sizeof(int));
        if (BitConverter.IsLittleEndian) MemoryMarshal.AsBytes(values).CopyTo(target);
        else for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(target[(i * sizeof(int))..], values[i]);
        return this;
    }

    /// <summary>Room for floats, to be filled in place.</summary>
    public Span<float> Floats(int count) => MemoryMarshal.Cast<byte, float>(Take(count * sizeof(float)));

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - _length < count) Array.Resize(ref _buffer, Math.Max(2 * _buffer.Length, checked(_length + count)));
        _length += count;
        return _buffer.AsSpan(_length - count, count);
    }
}
