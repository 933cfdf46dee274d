namespace AutoResearch.Kernels;

/// <summary>
/// Allocator of device memory: takes large segments from the driver, cuts them into blocks, joins free neighbours and keeps
/// what is freed. A steady training step makes no driver calls. Thread-safe.
/// </summary>
/// <remarks>
/// Order of reuse: a block that is freed may be handed out again at once, so work that still uses it must lie in
/// <see cref="CudaDevice.Stream"/>, or have been waited for. What a captured graph uses must stay allocated as long as the graph.
/// </remarks>
public sealed unsafe class CudaMemory
{
    private const long Alignment = 512;
    private const long SmallSegment = 2L << 20;
    private const long LargeSegment = 32L << 20;
    private const long LargeGranularity = 2L << 20;

    private readonly CudaDevice _device;
    private readonly CudaContext _context;
    private readonly Lock _gate = new();
    private readonly Dictionary<nint, Block> _used = [];
    // Small blocks have segments of their own: one that lives long would keep a large segment from being given back.
    private readonly SortedSet<Block> _freeSmall = new(BySize.Instance), _freeLarge = new(BySize.Instance);
    private readonly HashSet<Block> _segments = [];
    private bool _disposed;

    internal CudaMemory(CudaDevice device) => (_device, _context) = (device, device.Context);

    /// <summary>Bytes handed out now, rounded up to 512 each.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Most bytes handed out at any time since the last <see cref="ResetPeak"/>.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Bytes taken from the driver: handed out, or kept for reuse.</summary>
    public long ReservedBytes { get; private set; }

    /// <summary>Lets <see cref="PeakBytes"/> begin again at what is used now.</summary>
    public void ResetPeak()
    {
        lock (_gate) PeakBytes = UsedBytes;
    }

    /// <summary>Reserves memory, aligned to 512 bytes, with undefined content.</summary>
    /// <param name="bytes">Size, at least 1.</param>
    /// <returns>Device address.</returns>
    /// <exception cref="CudaOutOfMemoryException">There is not enough, even after giving back what was kept
    /// for reuse.</exception>
    public nint Allocate(long bytes)
    {
        if (bytes is < 1 or > long.MaxValue / 2)
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "A block of device memory has at least 1 byte.");
        var size = RoundUp(bytes, Alignment);
        try
        {
            return Take(size);
        }
        catch (CudaOutOfMemoryException)
        {
            // What was forgotten instead of disposed of is still held: let the finalizers give it back. Not under the
            // lock, which they need.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return Take(size);
        }
    }

    /// <summary>Gives memory back. Callable from any thread; after the device was disposed of it does nothing.</summary>
    /// <param name="address">What <see cref="Allocate"/> returned.</param>
    /// <exception cref="ArgumentException">The address was not handed out, or was freed already.</exception>
    public void Free(nint address)
    {
        lock (_gate)
        {
            if (_disposed) return;
            if (!_used.Remove(address, out var block))
                throw new ArgumentException(
                    FormattableString.Invariant($"0x{address:x} is not the address of a block that is in use: freed twice?"),
                    nameof(address));
            UsedBytes -= block.Size;
            block.IsFree = true;
            if (block.Next is { IsFree: true } next)
            {
                FreeOf(next).Remove(next);
                Join(block, next);
            }

            if (block.Previous is { IsFree: true } previous)
            {
                FreeOf(previous).Remove(previous);
                Join(previous, block);
                block = previous;
            }

            FreeOf(block).Add(block);
        }
    }

    /// <summary>Gives segments without a used block back to the driver, after waiting for the device.</summary>
    public void Trim()
    {
        _device.Synchronize();
        lock (_gate) ReleaseFreeSegments();
    }

    internal static CudaOutOfMemoryException OutOfMemory(string call, long requested, long free, long total, CudaMemory? memory)
    {
        var text = requested > 0
            ? FormattableString.Invariant($"The GPU has too little memory: {call} asked for {Mebibytes(requested)}")
            : FormattableString.Invariant($"The GPU ran out of memory in {call}");
        if (free >= 0) text += FormattableString.Invariant($"; {Mebibytes(free)} of {Mebibytes(total)} are free");
        if (memory is not null)
        {
            text += $"; this process's tensors use {Mebibytes(memory.UsedBytes)}, " +
                $"{Mebibytes(memory.ReservedBytes - memory.UsedBytes)} are kept for reuse";
        }

        return new(text + ". Use a smaller model, batch or sequence, or close other programs on the GPU.", requested,
            free, total);
    }

    // By the device, while its context still lives.
    internal void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (!_context.IsLost && _context.MakeCurrent() == 0)
            {
                foreach (var segment in _segments) _ = _context.Driver.MemFree(segment.Address);
            }

            (UsedBytes, ReservedBytes) = (0, 0);
            _segments.Clear();
            _used.Clear();
            _freeSmall.Clear();
            _freeLarge.Clear();
        }
    }

    private static long RoundUp(long bytes, long multiple) => (bytes + multiple - 1) / multiple * multiple;

    private static string Mebibytes(long bytes) => bytes < 1 << 20
        ? FormattableString.Invariant($"{bytes} bytes")
        : FormattableString.Invariant($"{bytes / 1048576.0:F1} MiB");

    private nint Take(long size)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var block = BestFit(size) ?? NewSegment(size);
            FreeOf(block).Remove(block);
            Split(block, size);
            block.IsFree = false;
            _used.Add(block.Address, block);
            UsedBytes += block.Size;
            PeakBytes = Math.Max(PeakBytes, UsedBytes);
            return block.Address;
        }
    }

    private static bool IsSmall(long size) => size <= SmallSegment / 2;

    private SortedSet<Block> FreeOf(Block block) => block.IsSmall ? _freeSmall : _freeLarge;

    private Block? BestFit(long size)
    {
        foreach (var block in (IsSmall(size) ? _freeSmall : _freeLarge).GetViewBetween(new Block(0, size, false), Block.Largest))
            return block;
        return null;
    }

    private Block NewSegment(long size)
    {
        _device.MakeCurrent();
        // Small blocks share a small segment, middle ones a larger one; a large block gets its own, so that it can be given back.
        var preferred = IsSmall(size) ? SmallSegment
            : size <= LargeSegment / 2 ? LargeSegment
            : RoundUp(size, LargeGranularity);
        var exact = RoundUp(size, LargeGranularity);
        foreach (var attempt in (ReadOnlySpan<(long Bytes, bool Flush)>)[(preferred, false), (preferred, true), (exact, true)])
        {
            if (attempt.Flush)
            {
                // Freed blocks may still be in use by work in flight.
                _device.Check(_device.Driver.CtxSynchronize(), "cuCtxSynchronize");
                ReleaseFreeSegments();
            }

            nint address;
            var status = _device.Driver.MemAlloc(&address, (nuint)attempt.Bytes);
            if (status == CudaErrors.OutOfMemory) continue;
            _device.Check(status, "cuMemAlloc", size);
            var segment = new Block(address, attempt.Bytes, IsSmall(size)) { IsFree = true };
            _segments.Add(segment);
            FreeOf(segment).Add(segment);
            ReservedBytes += attempt.Bytes;
            return segment;
        }

        var (free, total) = _device.MemoryState();
        throw OutOfMemory("cuMemAlloc", size, free, total, this);
    }

    private void ReleaseFreeSegments()
    {
        foreach (var segment in _segments.Where(s => s.IsFree && s.Next is null).ToArray())
        {
            FreeOf(segment).Remove(segment);
            _segments.Remove(segment);
            ReservedBytes -= segment.Size;
            _device.Check(_device.Driver.MemFree(segment.Address), "cuMemFree");
        }
    }

    private void Split(Block block, long size)
    {
        if (block.Size - size < Alignment) return;
        var rest = new Block(block.Address + (nint)size, block.Size - size, block.IsSmall)
        {
            IsFree = true,
            Previous = block,
            Next = block.Next,
        };
        if (block.Next is { } next) next.Previous = rest;
        block.Next = rest;
        block.Size = size;
        FreeOf(rest).Add(rest);
    }

    private static void Join(Block left, Block right)
    {
        left.Size += right.Size;
        left.Next = right.Next;
        if (right.Next is { } next) next.Previous = left;
    }

    // A piece of a segment; neighbours are linked in order of address. The first piece of a segment stands for it.
    private sealed class Block(nint address, long size, bool isSmall)
    {
        internal static readonly Block Largest = new(nint.MaxValue, long.MaxValue, false);

        internal nint Address { get; } = address;
        internal long Size { get; set; } = size;
        internal bool IsSmall { get; } = isSmall;
        internal bool IsFree { get; set; }
        internal Block? Previous { get; set; }
        internal Block? Next { get; set; }
    }

    private sealed class BySize : IComparer<Block>
    {
        internal static readonly BySize Instance = new();

        public int Compare(Block? x, Block? y) =>
            x!.Size != y!.Size ? x.Size.CompareTo(y.Size) : x.Address.CompareTo(y.Address);
    }
}
