namespace AutoResearch.Kernels;

/// <summary>
/// Copies batches to the GPU beside its work: the host fills one page-locked slot while the copy from another is under way.
/// An upload returns as soon as its bytes are in a slot; it blocks only when every slot is still being copied from.
/// </summary>
public sealed unsafe class CudaUploader : IDisposable
{
    private readonly Slot[] _slots;
    private readonly CudaStream _copies;
    private readonly CudaEvent _consumed;
    private int _next;

    /// <summary>Creates an uploader.</summary>
    /// <param name="device">The device.</param>
    /// <param name="slotBytes">Size of a slot: a batch, ideally. A larger upload goes in pieces.</param>
    /// <param name="slots">Number of slots, at least 2.</param>
    public CudaUploader(CudaDevice device, int slotBytes, int slots = 2)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(slotBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 2);
        (Device, SlotBytes) = (device, slotBytes);
        _copies = new CudaStream(device);
        _consumed = new CudaEvent(device, timing: false);
        _slots = new Slot[slots];
        for (var i = 0; i < slots; i++)
            _slots[i] = new(new PinnedBuffer(device, slotBytes), new CudaEvent(device, timing: false));
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <summary>Size of a slot in bytes.</summary>
    public int SlotBytes { get; }

    /// <summary>
    /// Copies bytes to the GPU. The copy waits for what <paramref name="consumer"/> was given before, which may still read the
    /// old content; what it is given afterwards sees the new one.
    /// </summary>
    /// <param name="source">The bytes; may be changed as soon as the method returns.</param>
    /// <param name="destination">Device address. Two destinations used in turn let copy and computation overlap.</param>
    /// <param name="consumer">The stream that uses the bytes; not one that is being captured.</param>
    public void Upload(ReadOnlySpan<byte> source, nint destination, CudaStream consumer)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        if (source.IsEmpty) return;
        _consumed.Record(consumer);
        _copies.Wait(_consumed);
        CudaEvent? last = null;
        while (!source.IsEmpty)
        {
            var slot = _slots[_next];
            _next = (_next + 1) % _slots.Length;
            slot.Copied.Synchronize();
            var piece = source[..Math.Min(source.Length, SlotBytes)];
            piece.CopyTo(slot.Host.Span);
            _copies.CopyFromHostAsync((void*)slot.Host.Address, destination, piece.Length);
            slot.Copied.Record(_copies);
            last = slot.Copied;
            source = source[piece.Length..];
            destination += piece.Length;
        }

        consumer.Wait(last!);
    }

    /// <summary>Waits for copies under way and releases the slots.</summary>
    public void Dispose()
    {
        if (!Device.IsUnusable && _slots.Length > 0)
        {
            try
            {
                _copies.Synchronize();
            }
            catch (Exception e) when (e is CudaException or ObjectDisposedException)
            {
                // The copies are lost with the device, or were made before it was disposed of.
            }
        }

        foreach (var slot in _slots)
        {
            slot.Copied.Dispose();
            slot.Host.Dispose();
        }

        _consumed.Dispose();
        _copies.Dispose();
    }

    private readonly record struct Slot(PinnedBuffer Host, CudaEvent Copied);
}
