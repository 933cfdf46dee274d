using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>The device memory of a task's buffers, each between two guards that show writes outside of it.</summary>
internal sealed class KernelBuffers : IDisposable
{
    private const int Guard = 512;
    private const byte GuardByte = 0xA5;

    private readonly IReadOnlyList<KernelTaskBuffer> _buffers;
    private readonly CudaBuffer[] _memory;

    internal KernelBuffers(CudaDevice device, IReadOnlyList<KernelTaskBuffer> buffers)
    {
        _buffers = buffers;
        _memory = new CudaBuffer[buffers.Count];
        try
        {
            for (var i = 0; i < buffers.Count; i++) _memory[i] = new(device, Size(buffers[i]) + (2 * Guard));
        }
        catch
        {
            Dispose();
            throw;
        }

        Addresses = buffers.Select((buffer, i) => (buffer.Name, Address: _memory[i].Address + Guard))
            .ToDictionary(pair => pair.Name, pair => pair.Address, StringComparer.Ordinal);
    }

    internal IReadOnlyDictionary<string, nint> Addresses { get; }

    /// <summary>Puts everything into the state before a run.</summary>
    internal void Reset()
    {
        for (var i = 0; i < _buffers.Count; i++)
        {
            _memory[i].Fill(GuardByte);
            var bytes = Encode(_buffers[i]);
            _memory[i].Device.Stream.CopyFromHost(bytes, _memory[i].Address + Guard);
        }
    }

    /// <summary>Content of a buffer, and whether its guards are whole.</summary>
    internal (float[] Values, bool GuardsWhole) Read(int index)
    {
        var bytes = new byte[Size(_buffers[index]) + (2 * Guard)];
        _memory[index].CopyTo<byte>(bytes);
        var whole = bytes.AsSpan(0, Guard).IndexOfAnyExcept(GuardByte) < 0
            && bytes.AsSpan(bytes.Length - Guard).IndexOfAnyExcept(GuardByte) < 0;
        return (Decode(bytes.AsSpan(Guard, bytes.Length - (2 * Guard)), _buffers[index].Type), whole);
    }

    public void Dispose()
    {
        foreach (var memory in _memory) memory?.Dispose();
    }

    private static int Size(KernelTaskBuffer buffer) => checked((int)(buffer.Count * buffer.Type.Size()));

    private static byte[] Encode(KernelTaskBuffer buffer)
    {
        var values = buffer.HostCopy();
        var bytes = new byte[Size(buffer)];
        switch (buffer.Type)
        {
            case DType.BFloat16:
                var halves = MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan());
                for (var i = 0; i < values.Length; i++) halves[i] = BFloat16.FromSingle(values[i]);
                break;
            case DType.Int32:
                var integers = MemoryMarshal.Cast<byte, int>(bytes.AsSpan());
                for (var i = 0; i < values.Length; i++) integers[i] = (int)values[i];
                break;
            default:
                MemoryMarshal.AsBytes<float>(values).CopyTo(bytes);
                break;
        }

        return bytes;
    }

    private static float[] Decode(ReadOnlySpan<byte> bytes, DType type)
    {
        var values = new float[bytes.Length / type.Size()];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = type switch
            {
                DType.BFloat16 => BFloat16.ToSingle(MemoryMarshal.Cast<byte, ushort>(bytes)[i]),
                DType.Int32 => MemoryMarshal.Cast<byte, int>(bytes)[i],
                _ => MemoryMarshal.Cast<byte, float>(bytes)[i],
            };
        }

        return values;
    }
}
