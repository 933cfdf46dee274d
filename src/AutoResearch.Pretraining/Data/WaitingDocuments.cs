using System.Numerics;

namespace AutoResearch.Pretraining;

/// <summary>
/// The documents a row can be filled from: a queue per length and a bit set of the lengths present, so that best fit looks
/// at a few words of bits instead of all documents. Documents longer than a row share one queue.
/// </summary>
internal sealed class WaitingDocuments
{
    private readonly (int Document, int Used, int Length, int Next)[] _nodes;
    private readonly int[] _heads;
    private readonly int[] _tails;
    private readonly ulong[] _present;
    private readonly int _long;
    private int _free;
    private int _count;

    /// <param name="size">Documents that wait at most.</param>
    /// <param name="capacity">Tokens in a row.</param>
    public WaitingDocuments(int size, int capacity)
    {
        _nodes = new (int, int, int, int)[size];
        _long = capacity + 1;
        _heads = new int[capacity + 2];
        _tails = new int[capacity + 2];
        _present = new ulong[(capacity + 2 + 63) / 64];
        Clear();
    }

    public int Size => _nodes.Length;

    public bool IsFull => _count == _nodes.Length;

    public void Clear()
    {
        for (var i = 0; i < _nodes.Length; i++) _nodes[i].Next = i + 1;
        Array.Clear(_present);
        _free = _count = 0;
    }

    /// <param name="document">Number of the document.</param>
    /// <param name="used">Tokens of it that were used before.</param>
    /// <param name="length">Tokens left, with one for BOS.</param>
    public void Add(int document, int used, int length)
    {
        var node = _free;
        _free = _nodes[node].Next;
        _nodes[node] = (document, used, length, -1);
        _count++;
        var queue = Math.Min(length, _long);
        if (Has(queue)) _nodes[_tails[queue]].Next = node;
        else _heads[queue] = node;
        _tails[queue] = node;
        _present[queue >> 6] |= 1UL << queue;
    }

    /// <summary>Takes the longest document that fits, else one to be cropped.</summary>
    public (int Document, int Used, int Length) Take(int room, bool preferLong)
    {
        var queue = LongestUpTo(room);
        if (queue < 0) queue = preferLong && Has(_long) ? _long : ShortestFrom(room + 1);
        var node = _heads[queue];
        var (document, used, length, next) = _nodes[node];
        if (next < 0) _present[queue >> 6] &= ~(1UL << queue);
        else _heads[queue] = next;
        _nodes[node].Next = _free;
        _free = node;
        _count--;
        return (document, used, length);
    }

    /// <summary>All that wait, queue by queue in the order of arrival, as pairs of document and tokens used.</summary>
    public int[] Save()
    {
        var saved = new List<int>(2 * _count);
        for (var queue = 0; queue <= _long; queue++)
        {
            if (!Has(queue)) continue;
            for (var node = _heads[queue]; node >= 0; node = _nodes[node].Next)
                saved.AddRange([_nodes[node].Document, _nodes[node].Used]);
        }

        return [.. saved];
    }

    private bool Has(int queue) => (_present[queue >> 6] & (1UL << queue)) != 0;

    private int LongestUpTo(int length)
    {
        var word = length >> 6;
        var bits = _present[word] & (ulong.MaxValue >> (63 - (length & 63)));
        while (bits == 0 && --word >= 0) bits = _present[word];
        return bits == 0 ? -1 : (word << 6) + 63 - BitOperations.LeadingZeroCount(bits);
    }

    // There is one: a row is filled from a full buffer, and nothing fits.
    private int ShortestFrom(int length)
    {
        var word = length >> 6;
        var bits = _present[word] & (ulong.MaxValue << (length & 63));
        while (bits == 0) bits = _present[++word];
        return (word << 6) + BitOperations.TrailingZeroCount(bits);
    }
}
