namespace AutoResearch.Pretraining;

/// <summary>
/// Applies merges to text, with a cache of the words already seen: natural text repeats its words, so most of them cost one
/// look-up. Not thread-safe; each thread takes its own.
/// </summary>
internal sealed class BpeEncoder(Dictionary<uint, int> ranks)
{
    private const int LongestCachedWord = 64;
    private const int MostCachedWords = 1 << 17;
    private const int LongestScannedWord = 128;

    private readonly WordTable _words = new();
    private (int Start, int Length)[] _encodings = new (int, int)[1024];
    private ushort[] _cachedTokens = new ushort[4096];
    private int _cachedTokenCount;

    // The tokens of the last word that was not in the cache, each linked to its neighbours.
    private int[] _symbols = new int[LongestScannedWord];
    private int[] _next = [];
    private int[] _previous = [];

    /// <summary>Appends the tokens of the text.</summary>
    public void Encode(ReadOnlySpan<byte> text, ref TokenBuffer output)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = WordScanner.NextEnd(text, start);
            EncodeWord(text[start..end], ref output);
            start = end;
        }
    }

    private void EncodeWord(ReadOnlySpan<byte> word, ref TokenBuffer output)
    {
        if (word.Length == 1)
        {
            output.Add(word[0]);
            return;
        }

        if (word.Length > LongestCachedWord)
        {
            var count = Merge(word);
            output.Add(_symbols, count);
            return;
        }

        if (_words.Count == MostCachedWords)
        {
            _words.Clear();
            _cachedTokenCount = 0;
        }

        var index = _words.GetOrAdd(word, out var added);
        if (added) Remember(index, Merge(word));
        var (first, length) = _encodings[index];
        output.Add(_cachedTokens.AsSpan(first, length));
    }

    private void Remember(int index, int count)
    {
        if (index >= _encodings.Length) Array.Resize(ref _encodings, index * 2);
        if (_cachedTokenCount + count > _cachedTokens.Length) Array.Resize(ref _cachedTokens, _cachedTokens.Length * 2);
        _encodings[index] = (_cachedTokenCount, count);
        for (var i = 0; i < count; i++) _cachedTokens[_cachedTokenCount++] = (ushort)_symbols[i];
    }

    // Leaves the tokens of the word at the front of _symbols.
    private int Merge(ReadOnlySpan<byte> word)
    {
        if (_symbols.Length < word.Length) _symbols = new int[word.Length * 2];
        for (var i = 0; i < word.Length; i++) _symbols[i] = word[i];
        return word.Length <= LongestScannedWord ? MergeByScanning(word.Length) : MergeByQueue(word.Length);
    }

    // For ordinary words: look at all pairs, merge the earliest learnt, begin again.
    private int MergeByScanning(int count)
    {
        var symbols = _symbols.AsSpan();
        while (count > 1)
        {
            int best = int.MaxValue, at = -1;
            for (var i = 0; i + 1 < count; i++)
            {
                if (ranks.TryGetValue(Key(symbols[i], symbols[i + 1]), out var rank) && rank < best) (best, at) = (rank, i);
            }

            if (at < 0) break;
            symbols[at] = best;
            symbols[(at + 2)..count].CopyTo(symbols[(at + 1)..]);
            count--;
        }

        return count;
    }

    // The same result in O(n log n), for words without end such as text in scripts that do not separate words.
    private int MergeByQueue(int length)
    {
        if (_next.Length < length) (_next, _previous) = (new int[length * 2], new int[length * 2]);
        var queue = new PriorityQueue<(int Position, int Left, int Right), (int Rank, int Position)>();
        for (var i = 0; i < length; i++) (_previous[i], _next[i]) = (i - 1, i + 1);

        void Offer(int position)
        {
            if (position < 0 || _next[position] >= length) return;
            var (left, right) = (_symbols[position], _symbols[_next[position]]);
            if (ranks.TryGetValue(Key(left, right), out var rank)) queue.Enqueue((position, left, right), (rank, position));
        }

        for (var i = 0; i < length; i++) Offer(i);
        while (queue.TryDequeue(out var pair, out var priority))
        {
            var (position, second) = (pair.Position, _next[pair.Position]);
            if (_symbols[position] != pair.Left || second >= length || _symbols[second] != pair.Right) continue;
            _symbols[position] = priority.Rank;
            _symbols[second] = -1;
            _next[position] = _next[second];
            if (_next[position] < length) _previous[_next[position]] = position;
            Offer(_previous[position]);
            Offer(position);
        }

        var count = 0;
        for (var i = 0; i < length; i = _next[i]) _symbols[count++] = _symbols[i];
        return count;
    }

    private static uint Key(int left, int right) => ((uint)left << 16) | (uint)right;
}

/// <summary>A growing array of token ids.</summary>
internal struct TokenBuffer(int capacity)
{
    private ushort[] _tokens = new ushort[Math.Max(16, capacity)];

    public int Count { get; private set; }

    public readonly ReadOnlySpan<ushort> Tokens => _tokens.AsSpan(0, Count);

    public void Add(int token)
    {
        if (Count == _tokens.Length) Grow(1);
        _tokens[Count++] = (ushort)token;
    }

    public void Add(ReadOnlySpan<ushort> tokens)
    {
        if (Count + tokens.Length > _tokens.Length) Grow(tokens.Length);
        tokens.CopyTo(_tokens.AsSpan(Count));
        Count += tokens.Length;
    }

    public void Add(int[] tokens, int count)
    {
        if (Count + count > _tokens.Length) Grow(count);
        for (var i = 0; i < count; i++) _tokens[Count++] = (ushort)tokens[i];
    }

    private void Grow(int more) =>
        Array.Resize(ref _tokens, (int)Math.Min(Array.MaxLength, Math.Max(_tokens.Length * 2L, Count + (long)more)));
}
