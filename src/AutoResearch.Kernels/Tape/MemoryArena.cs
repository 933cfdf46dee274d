namespace AutoResearch.Kernels;

/// <summary>
/// Bump allocator over a few large blocks of backend memory: a step takes from it, a reset gives everything back.
/// </summary>
internal sealed class MemoryArena(Backend backend) : IDisposable
{
    private const long Alignment = 64;
    private const long SmallestBlock = 1L << 20;

    private readonly List<TensorStorage> _blocks = [];
    private int _block;
    private long _offset;

    /// <summary>Bytes held, used or not.</summary>
    internal long Capacity { get; private set; }

    internal (TensorStorage Storage, long Offset) Take(long bytes)
    {
        bytes = (bytes + Alignment - 1) / Alignment * Alignment;
        while (_block < _blocks.Count && _offset + bytes > _blocks[_block].Bytes)
            (_block, _offset) = (_block + 1, 0);
        if (_block == _blocks.Count)
        {
            // Each new block doubles the whole, so that a growing step needs few of them.
            var block = new TensorStorage(backend, Math.Max(bytes, Math.Max(SmallestBlock, Capacity))) { IsRecycled = true };
            _blocks.Add(block);
            Capacity += block.Bytes;
        }

        var start = _offset;
        _offset += bytes;
        return (_blocks[_block], start);
    }

    internal void Reset() => (_block, _offset) = (0, 0);

    public void Dispose()
    {
        foreach (var block in _blocks) block.Dispose();
        _blocks.Clear();
        Capacity = 0;
        Reset();
    }
}
