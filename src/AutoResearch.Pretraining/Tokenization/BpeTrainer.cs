namespace AutoResearch.Pretraining;

/// <summary>
/// Learns byte pair merges from word counts (Sennrich et al. 2016, arXiv:1508.07909): the most frequent pair of neighbours
/// becomes a token, again and again. Every pair keeps the list of its positions, and a heap with lazy updates finds the most
/// frequent one, so that a merge costs as much as its occurrences in the distinct words, not as much as the text.
/// Equal counts are settled by the smaller token ids: the result does not depend on the order of the words.
/// </summary>
internal sealed class BpeTrainer
{
    private sealed class Pair
    {
        public long Count;
        public List<int> Positions = [];
    }

    // All distinct words in one array of symbols, each symbol linked to its neighbours in the word; -1 ends a word.
    private readonly int[] _symbols;
    private readonly int[] _previous;
    private readonly int[] _next;
    private readonly long[] _weights;
    private readonly Dictionary<ulong, Pair> _pairs = [];
    private readonly PriorityQueue<ulong, (long NegativeCount, ulong Pair)> _heap = new();
    private readonly HashSet<ulong> _touched = [];

    public BpeTrainer(WordCounts words)
    {
        var length = words.ByteCount;
        _symbols = new int[length];
        _previous = new int[length];
        _next = new int[length];
        _weights = new long[length];
        var position = 0;
        for (var word = 0; word < words.Count; word++)
        {
            var bytes = words.Word(word);
            for (var i = 0; i < bytes.Length; i++, position++)
            {
                _symbols[position] = bytes[i];
                _previous[position] = i == 0 ? -1 : position - 1;
                _next[position] = i == bytes.Length - 1 ? -1 : position + 1;
                _weights[position] = words.Occurrences(word);
                if (i > 0) Change(position - 1, +1);
            }
        }

        EnqueueTouched();
    }

    /// <summary>At most <paramref name="count"/> merges in the order learnt; fewer when no pair occurs twice any more.</summary>
    public List<(int Left, int Right)> Learn(int count, IProgress<DataProgress>? progress, CancellationToken cancellationToken)
    {
        var merges = new List<(int, int)>(count);
        while (merges.Count < count && TryTakeMostFrequent(out var key, out var pair))
        {
            var (left, right) = ((int)(key >> 32), (int)key);
            Merge(left, right, 256 + merges.Count, pair.Positions);
            merges.Add((left, right));
            if ((merges.Count & 255) != 0) continue;
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new("Training the tokenizer", merges.Count / (double)count));
        }

        return merges;
    }

    private bool TryTakeMostFrequent(out ulong key, out Pair pair)
    {
        while (_heap.TryDequeue(out key, out var priority))
        {
            // A stale entry: the pair has a newer one, or is gone.
            if (!_pairs.TryGetValue(key, out pair!) || pair.Count != -priority.NegativeCount) continue;
            if (pair.Count < 2) break;
            _pairs.Remove(key);
            return true;
        }

        pair = null!;
        return false;
    }

    private void Merge(int left, int right, int merged, List<int> positions)
    {
        positions.Sort();
        foreach (var position in positions)
        {
            var second = _next[position];
            if (_symbols[position] != left || second < 0 || _symbols[second] != right) continue;

            var before = _previous[position];
            var after = _next[second];
            if (before >= 0) Change(before, -1);
            if (after >= 0) Change(second, -1);

            _symbols[position] = merged;
            _symbols[second] = -1;
            _next[position] = after;
            if (after >= 0) _previous[after] = position;

            if (before >= 0) Change(before, +1);
            if (after >= 0) Change(position, +1);
        }

        EnqueueTouched();
    }

    // Counts the pair that begins at the position in or out.
    private void Change(int position, int sign)
    {
        var key = Key(_symbols[position], _symbols[_next[position]]);
        if (!_pairs.TryGetValue(key, out var pair))
        {
            if (sign < 0) return;
            _pairs[key] = pair = new();
        }

        pair.Count += sign * _weights[position];
        if (sign > 0) pair.Positions.Add(position);
        _touched.Add(key);
    }

    private void EnqueueTouched()
    {
        foreach (var key in _touched)
        {
            if (!_pairs.TryGetValue(key, out var pair)) continue;
            if (pair.Count > 0) _heap.Enqueue(key, (-pair.Count, key));
            else _pairs.Remove(key);
        }

        _touched.Clear();
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;
}
