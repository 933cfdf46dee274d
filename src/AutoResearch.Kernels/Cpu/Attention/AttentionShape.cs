namespace AutoResearch.Kernels;

/// <summary>Layout, tile and block sizes of one attention call, and which keys each of its queries sees.</summary>
internal unsafe struct AttentionShape
{
    internal AttentionLayout Layout;

    /// <summary>Rows and columns of the tile; a strip is as many neighbouring queries as the tile has columns.</summary>
    internal int TileRows, Strip;

    /// <summary>Queries and keys of a block: multiples of <see cref="Strip"/> and of <see cref="TileRows"/>.</summary>
    internal int QueryBlock, KeyBlock;

    /// <summary>Channels of a head, rounded up to whole tiles.</summary>
    internal int PaddedDim;

    /// <summary>
    /// Row stride of the copies: not a multiple of 256 bytes, so that a column of tiles does not fall into few cache sets.
    /// </summary>
    internal readonly int RowStride => PaddedDim + 16;

    /// <summary>Queries and keys of a sequence, rounded up so that a block may start at any strip or tile.</summary>
    internal int PaddedSequence;

    /// <summary>
    /// For each sequence (<see cref="BoundsStride"/> apart, 0 where they do not differ): the first key that each query sees.
    /// Never decreases along a sequence. Floats, because they are compared as vectors; exact to 2²⁴.
    /// </summary>
    internal float* First;

    /// <summary>0, 1, 2, …: the last key that each query sees.</summary>
    internal float* Positions;

    internal int BoundsStride;

    internal delegate*<float*, nint, nint, float*, nint, float*, nint, nint, bool, void> Tile;

    internal GemmTile Kind;

    internal static AttentionShape Create(in AttentionLayout layout, CpuTuning tuning, int queryBlock, int keyBlock)
    {
        var (rows, strip) = tuning.Tile switch { GemmTile.Avx512 => (8, 32), GemmTile.Avx2 => (6, 16), _ => (8, 8) };
        var unit = strip % rows == 0 ? strip : 3 * strip;
        queryBlock = RoundUp(Math.Min(queryBlock, layout.Sequence), unit);
        keyBlock = RoundUp(Math.Min(keyBlock, layout.Sequence), rows);
        return new()
        {
            Layout = layout,
            TileRows = rows,
            Strip = strip,
            QueryBlock = queryBlock,
            KeyBlock = keyBlock,
            PaddedDim = RoundUp(layout.HeadDim, strip),
            PaddedSequence = RoundUp(layout.Sequence, unit) + unit,
            Kind = tuning.Tile,
            Tile = tuning.Tile switch
            {
                GemmTile.Avx512 => &AttentionTiles.Tile8x32,
                GemmTile.Avx2 => &AttentionTiles.Tile6x16,
                _ => &AttentionTiles.Tile8x8,
            },
        };
    }

    /// <summary>Floats that <see cref="SetBounds"/> needs.</summary>
    internal readonly long BoundsLength(bool documents) => (documents ? 1L + Layout.Batch : 2L) * PaddedSequence;

    /// <summary>Row stride of a block of scores, for the same reason.</summary>
    internal readonly int ScoreStride => QueryBlock + 16;

    internal void SetBounds(float* memory, int window, int* documentStarts)
    {
        Positions = memory;
        First = memory + PaddedSequence;
        BoundsStride = documentStarts == null ? 0 : PaddedSequence;
        for (var i = 0; i < PaddedSequence; i++)
        {
            Positions[i] = i;
            First[i] = window < 0 ? 0 : Math.Max(0, i - (long)window);
        }

        if (documentStarts == null) return;
        for (var b = Layout.Batch - 1; b >= 0; b--) // the first one last: the others begin with what it has now
        {
            float* first = First + ((long)b * BoundsStride);
            for (var i = 0; i < PaddedSequence; i++)
                first[i] = Math.Max(First[i], documentStarts[((long)b * Layout.Sequence) + Math.Min(i, Layout.Sequence - 1)]);
        }
    }

    /// <summary>Start of a tile of keys at or before the first key that a query sees.</summary>
    internal readonly int FirstTile(float* first, int query) => (int)first[query] / TileRows * TileRows;

    /// <summary>The last query of the sequence that sees the key; it or a later one.</summary>
    internal readonly int LastQuery(float* first, int key)
    {
        int low = Math.Min(key, Layout.Sequence - 1), high = Layout.Sequence - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if ((int)first[middle] <= key) low = middle;
            else high = middle - 1;
        }

        return low;
    }

    internal static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
