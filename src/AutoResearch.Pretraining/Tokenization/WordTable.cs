using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AutoResearch.Pretraining;

/// <summary>A set of byte strings, each with a dense index in order of first appearance. One allocation per doubling.</summary>
internal sealed class WordTable
{
    private int[] _slots = new int[1024];
    private int[] _ends = new int[512];
    private uint[] _hashes = new uint[512];
    private byte[] _bytes = new byte[4096];

    public int Count { get; private set; }

    public int ByteCount => Count == 0 ? 0 : _ends[Count - 1];

    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            var start = index == 0 ? 0 : _ends[index - 1];
            return _bytes.AsSpan(start, _ends[index] - start);
        }
    }

    /// <summary>The index of the word; <paramref name="added"/> says whether it is new.</summary>
    public int GetOrAdd(ReadOnlySpan<byte> word, out bool added)
    {
        var hash = Hash(word);
        var mask = _slots.Length - 1;
        var slot = (int)(hash & (uint)mask);
        for (; _slots[slot] != 0; slot = (slot + 1) & mask)
        {
            var index = _slots[slot] - 1;
            if (_hashes[index] == hash && this[index].SequenceEqual(word))
            {
                added = false;
                return index;
            }
        }

        added = true;
        return Add(word, hash, slot);
    }

    public void Clear()
    {
        Array.Clear(_slots);
        Count = 0;
    }

    private int Add(ReadOnlySpan<byte> word, uint hash, int slot)
    {
        if (Count == _ends.Length)
        {
            Array.Resize(ref _ends, Count * 2);
            Array.Resize(ref _hashes, Count * 2);
        }

        var start = ByteCount;
        if (start + word.Length > _bytes.Length)
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(_bytes.Length * 2L, start + (long)word.Length)));
        word.CopyTo(_bytes.AsSpan(start));
        _ends[Count] = start + word.Length;
        _hashes[Count] = hash;
        _slots[slot] = ++Count;
        if (Count * 2 > _slots.Length) Rehash();
        return Count - 1;
    }

    private void Rehash()
    {
        _slots = new int[_slots.Length * 2];
        var mask = _slots.Length - 1;
        for (var i = 0; i < Count; i++)
        {
            var slot = (int)(_hashes[i] & (uint)mask);
            while (_slots[slot] != 0) slot = (slot + 1) & mask;
            _slots[slot] = i + 1;
        }
    }

    // Multiply and fold over 8 bytes at a time; the same in every process, so that tables are reproducible.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(ReadOnlySpan<byte> word)
    {
        var hash = (ulong)word.Length * 0x9E3779B97F4A7C15UL;
        while (word.Length >= 8)
        {
            hash = Fold(hash ^ MemoryMarshal.Read<ulong>(word));
            word = word[8..];
        }

        var tail = 0UL;
        for (var i = 0; i < word.Length; i++) tail = (tail << 8) | word[i];
        hash = Fold(hash ^ tail);
        return (uint)(hash ^ (hash >> 32));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Fold(ulong value)
    {
        var high = Math.BigMul(value, 0xD6E8FEB86659FD93UL, out var low);
        return high ^ low;
    }
}
