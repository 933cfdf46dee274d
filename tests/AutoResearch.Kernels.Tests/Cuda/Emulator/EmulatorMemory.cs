namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// Global memory of emulated kernels: between guard pages, the end at the guard; filled with 0xFF (NaN in bf16 and fp32) at
/// first. Shared with the child process that runs the kernel. Space is reserved, not committed, so that huge
/// strides cost nothing.
/// </summary>
internal sealed unsafe class EmulatorMemory : IDisposable
{
    private static readonly Lazy<EmulatorLibrary> Library = new(() => EmulatorLibrary.Compile("", [], []));
    private static readonly Lock Gate = new();

    private readonly ulong _bytes;
    private byte* _start;

    /// <summary>Reserves memory for <paramref name="bytes"/> bytes; the start is aligned to 16.</summary>
    internal EmulatorMemory(long bytes, bool poison = true)
    {
        _bytes = (ulong)bytes;
        lock (Gate)
            _start = (byte*)((delegate* unmanaged<ulong, void*>)Library.Value.Export("emu_allocate"))(_bytes);
        if (_start is null) throw new InvalidOperationException($"The emulator could not reserve {bytes} bytes.");
        if (poison) new Span<byte>(_start, checked((int)bytes)).Fill(0xFF);
    }

    /// <summary>Table of all buffers, with which a wild access is explained.</summary>
    internal static nint Regions => Library.IsValueCreated ? Library.Value.Export("emu_memory") : 0;

    /// <summary>Address of an exported function of the emulator.</summary>
    internal static nint Export(string name) => Library.Value.Export(name);

    /// <summary>Address as a kernel sees it.</summary>
    internal nint Address => (nint)_start;

    /// <summary>The float at an index.</summary>
    internal ref float Float(long index) => ref ((float*)_start)[index];

    /// <summary>The int at an index.</summary>
    internal ref int Int(long index) => ref ((int*)_start)[index];

    /// <summary>The bf16 bits at an index.</summary>
    internal ref ushort Bits(long index) => ref ((ushort*)_start)[index];

    /// <summary>The bf16 at an index, as a float.</summary>
    internal float Bf16(long index) => BitConverter.UInt32BitsToSingle((uint)((ushort*)_start)[index] << 16);

    /// <summary>Stores a value rounded to bf16; the rounded value.</summary>
    internal float SetBf16(long index, float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        ((ushort*)_start)[index] = (ushort)bits;
        return BitConverter.UInt32BitsToSingle(bits << 16);
    }

    /// <summary>The bytes, to compare two runs.</summary>
    internal ReadOnlySpan<byte> Bytes => new(_start, checked((int)_bytes));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start is null) return;
        lock (Gate) ((delegate* unmanaged<void*, ulong, void>)Library.Value.Export("emu_free"))(_start, _bytes);
        _start = null;
    }
}
