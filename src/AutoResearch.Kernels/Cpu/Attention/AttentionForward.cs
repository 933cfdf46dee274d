namespace AutoResearch.Kernels;

/// <summary>
/// Attention in blocks with an online softmax (FlashAttention, Dao et al. 2022, arXiv:2205.14135). A task is a part of the query blocks
/// of one key and value head, whose keys and values it copies once. Scores lie as [key][query], so that the softmax is vertical, the
/// product with the queries reads the keys row by row and the product with the values reads the scores column by column.
/// </summary>
internal unsafe struct AttentionForward<T> : IParallelWork where T : unmanaged, ILanes<T>
{
    private const float LogTwo = 0.693147181f;

    internal AttentionShape Shape;
    internal ScratchSlots Slots;
    internal float* Qkv, Y, LogSumExp;

    /// <summary>Tasks for each key and value head. Any number gives the same result.</summary>
    internal int Parts;

    /// <summary>Floats that a task works in.</summary>
    internal static long SlotLength(in AttentionShape shape) =>
        (2L * shape.PaddedSequence * shape.PaddedDim) + (2L * shape.QueryBlock * shape.PaddedDim)
        + ((long)shape.KeyBlock * shape.ScoreStride) + (3L * shape.QueryBlock) + 64;

    public readonly void Execute(int task)
    {
        var (layout, dim) = (Shape.Layout, Shape.Layout.HeadDim);
        var (part, kvHead, batch) = (task % Parts, task / Parts % layout.KvHeads, task / Parts / layout.KvHeads);
        var memory = Slots.Rent(out var slot);
        var state = new State
        {
            Keys = memory,
            Values = memory += (long)Shape.PaddedSequence * Shape.PaddedDim,
            Queries = memory += (long)Shape.PaddedSequence * Shape.PaddedDim,
            Output = memory += (long)Shape.QueryBlock * Shape.PaddedDim,
            Max = memory += (long)Shape.QueryBlock * Shape.PaddedDim,
            Sum = memory += Shape.QueryBlock,
            Factor = memory += Shape.QueryBlock,
            Scores = memory + Shape.QueryBlock,
            First = Shape.First + ((long)batch * Shape.BoundsStride),
        };

        var blocks = (layout.Sequence + Shape.QueryBlock - 1) / Shape.QueryBlock;
        var origin = Qkv + ((long)batch * layout.Sequence * layout.Columns);
        var keys = origin + layout.QueryColumns + ((long)kvHead * dim);
        AttentionCopies.Rows(
            keys, layout.Columns, layout.Sequence, dim, 1, state.Keys, AttentionShape.RoundUp(layout.Sequence, Shape.TileRows), Shape.PaddedDim);
        AttentionCopies.Rows(keys + layout.KvColumns, layout.Columns, layout.Sequence, dim, 1, state.Values, layout.Sequence, Shape.PaddedDim);

        // Parts take every n-th block, because later blocks see more keys; the largest comes first.
        var group = layout.Heads / layout.KvHeads;
        for (var index = (group * blocks) - 1 - part; index >= 0; index -= Parts)
            Block(state, origin, batch, (kvHead * group) + (index % group), index / group * Shape.QueryBlock);
        Slots.Return(slot);
    }

    private readonly void Block(in State state, float* origin, int batch, int head, int query)
    {
        var (layout, dim, strip) = (Shape.Layout, Shape.Layout.HeadDim, Shape.Strip);
        var rows = Math.Min(Shape.QueryBlock, layout.Sequence - query);
        var padded = AttentionShape.RoundUp(rows, strip);

        // log2(e) / √dim is part of the queries, so that a score is the exponent of 2.
        var factor = (float)(1.4426950408889634 / Math.Sqrt(dim));
        for (var i = 0; i < rows; i += strip)
        {
            var panel = state.Queries + ((long)i * dim);
            GemmPacking.Panel(
                origin + ((long)(query + i) * layout.Columns) + ((long)head * dim), layout.Columns, 1, Math.Min(strip, rows - i), strip, dim, panel);
            Simd.Scale(panel, factor, panel, strip * dim);
        }

        new Span<float>(state.Output, AttentionShape.RoundUp(rows, Shape.TileRows) * Shape.PaddedDim).Clear();
        new Span<float>(state.Max, padded).Fill(float.NegativeInfinity);
        new Span<float>(state.Sum, padded).Clear();
        var end = query + rows;
        for (var key = Shape.FirstTile(state.First, query); key < end; key += Shape.KeyBlock)
        {
            var keyEnd = Math.Min(key + Shape.KeyBlock, end);
            for (var i = 0; i < rows; i += strip) Scores(state, query, i, key, keyEnd);
            Accumulate(state, query, rows, key, keyEnd);
        }

        for (var i = 0; i < rows; i++)
        {
            var sum = state.Sum[i];
            var row = ((long)batch * layout.Sequence) + query + i;
            Simd.Scale(state.Output + ((long)i * Shape.PaddedDim), sum == 0 ? 0 : 1 / sum, Y + (((row * layout.Heads) + head) * dim), dim);
            LogSumExp[((((long)batch * layout.Heads) + head) * layout.Sequence) + query + i] =
                sum == 0 ? float.NegativeInfinity : LogTwo * (state.Max[i] + MathF.Log2(sum));
        }
    }

    // Probabilities, up to the factor of the running maximum, of one strip of queries and the keys of a block that it sees.
    private readonly void Scores(in State state, int query, int i, int key, int keyEnd)
    {
        var range = KeyRange.Of(Shape, state.First, query + i, key, keyEnd);
        float* s = state.Scores + i, q = state.Queries + ((long)i * Shape.Layout.HeadDim);
        for (var k = range.First; k < range.End; k += Shape.TileRows)
        {
            Shape.Tile(
                state.Keys + ((long)k * Shape.PaddedDim), Shape.PaddedDim, 1, q, Shape.Strip, s + ((long)(k - key) * Shape.ScoreStride),
                Shape.ScoreStride, Shape.Layout.HeadDim, false);
        }

        range.Mask<T>(Shape, state.First, s, query + i, key);
        if (range.First < range.End)
        {
            float* max = state.Max + i, sum = state.Sum + i, factor = state.Factor + i;
            if (ScoreStrip<T>.Softmax(s + ((long)(range.First - key) * Shape.ScoreStride), Shape.ScoreStride, range.End - range.First, max, sum, factor))
                Rescale(state.Output + ((long)i * Shape.PaddedDim), factor);
        }

        range.ClearBeside<T>(Shape, s, key, keyEnd);
    }

    private readonly void Rescale(float* output, float* factor)
    {
        for (var i = 0; i < Shape.Strip; i++, output += Shape.PaddedDim)
            if (factor[i] != 1) Simd.Scale(output, factor[i], output, Shape.PaddedDim);
    }

    // Output += probabilities · values, up to the last key that a tile of queries sees.
    private readonly void Accumulate(in State state, int query, int rows, int key, int keyEnd)
    {
        for (var d = 0; d < Shape.PaddedDim; d += Shape.Strip)
        {
            for (var i = 0; i < rows; i += Shape.TileRows)
            {
                var first = Math.Max(key, (int)state.First[query + i]);
                var depth = Math.Min(keyEnd, query + i + Shape.TileRows) - first;
                if (depth <= 0) continue;
                Shape.Tile(
                    state.Scores + ((long)(first - key) * Shape.ScoreStride) + i, 1, Shape.ScoreStride,
                    state.Values + ((long)first * Shape.PaddedDim) + d, Shape.PaddedDim,
                    state.Output + ((long)i * Shape.PaddedDim) + d, Shape.PaddedDim, depth, true);
            }
        }
    }

    private struct State
    {
        internal float* Keys, Values, Queries, Output, Max, Sum, Factor, Scores, First;
    }
}
