namespace AutoResearch.Kernels;

/// <summary>The tiles of keys of a block that at least one query of a strip sees.</summary>
internal readonly unsafe struct KeyRange
{
    private KeyRange(int first, int end) => (First, End) = (first, end);

    internal int First { get; }

    internal int End { get; }

    internal static KeyRange Of(in AttentionShape shape, float* first, int query, int key, int keyEnd)
    {
        // Whole tiles: keys beyond the last one that the strip sees are masked, and later products may read them.
        var end = Math.Min(AttentionShape.RoundUp(keyEnd, shape.TileRows),
            AttentionShape.RoundUp(query + shape.Strip, shape.TileRows));
        return new(Math.Max(key, shape.FirstTile(first, query)), end);
    }

    /// <summary>Masks the rows of the range that not every query of the strip sees.</summary>
    internal void Mask<T>(in AttentionShape shape, float* first, float* s, int query, int key) where T : unmanaged, ILanes<T>
    {
        var seenByAll = Math.Clamp((int)first[query + shape.Strip - 1], First, Math.Max(First, End));
        var notYet = Math.Clamp(query + 1, seenByAll, Math.Max(seenByAll, End));
        Rows<T>(shape, first, s, query, key, First, seenByAll);
        Rows<T>(shape, first, s, query, key, notYet, End);
    }

    /// <summary>
    /// Zeroes the rows next to the range that a tile of queries reads which also covers queries of the neighbouring strip.
    /// Nothing to do where a strip consists of whole tiles.
    /// </summary>
    internal void ClearBeside<T>(in AttentionShape shape, float* s, int key, int keyEnd) where T : unmanaged, ILanes<T>
    {
        if (shape.Strip % shape.TileRows == 0) return;
        keyEnd = Math.Min(AttentionShape.RoundUp(keyEnd, shape.TileRows), key + shape.KeyBlock);
        Clear<T>(shape, s, key, key, Math.Min(keyEnd, First));
        Clear<T>(shape, s, key, Math.Max(key, End), Math.Min(keyEnd, End + shape.TileRows));
    }

    private static void Clear<T>(in AttentionShape shape, float* s, int key, int from, int to) where T : unmanaged, ILanes<T>
    {
        if (from < to) ScoreStrip<T>.Clear(s + ((long)(from - key) * shape.ScoreStride), shape.ScoreStride, to - from);
    }

    private static void Rows<T>(in AttentionShape shape, float* first, float* s, int query, int key, int from, int to)
        where T : unmanaged, ILanes<T>
    {
        if (from < to)
            ScoreStrip<T>.Mask(
                s + ((long)(from - key) * shape.ScoreStride), shape.ScoreStride, from, to - from, first + query,
                shape.Positions + query);
    }
}
