namespace AutoResearch.Kernels;

/// <summary>
/// Attention in blocks with an online softmax (FlashAttention, Dao et al. 2022, arXiv:2205.14135). A task is a part of the query
/// blocks of one key and value head, whose keys and values it copies once. Scores lie as [key][query], so that the softmax is
/// vertical, the product with the queries reads the keys row by row and the product with the values reads the
/// scores column by column.
/// </summary>
internal unsafe struct AttentionForward<T> : IParallelWork where T : unmanaged, ILanes<T>
{
    private const float LogTwo = 0.693147181f;

    internal AttentionShape Shape;
    internal ScratchSlots Slots;
    internal float* Qkv, Y, LogSumExp;

    /// <summary>Tasks for each key and value head. Any number gives the same result.</summary>
    internal int Parts;

    /// <summary>Distance to the task that a thread does next, as far as is known: the number of threads.</summary>
    internal int Ahead;

    /// <summary>Floats that a task works in.</summary>
    internal static long SlotLength(in AttentionShape shape) =>
        (2L * shape.PaddedSequence * shape.RowStride) + (2L * shape.QueryBlock * shape.RowStride)
        + ((long)shape.KeyBlock * shape.ScoreStride) + (3L * shape.QueryBlock) + 64;

    public readonly void Execute(int task)
    {
        var (layout, dim) = (Shape.Layout, Shape.Layout.HeadDim);
        var (part, kvHead, batch) = (task % Parts, task / Parts % layout.KvHeads, task / Parts / layout.KvHeads);
        var memory = Slots.Rent(out var slot);
        var state = new State
        {
            Keys = memory,
            Values = memory += (long)Shape.PaddedSequence * Shape.RowStride,
            Queries = memory += (long)Shape.PaddedSequence * Shape.RowStride,
            Output = memory += (long)Shape.QueryBlock * Shape.RowStride,
            Max = memory += (long)Shape.QueryBlock * Shape.RowStride,
            Sum = memory += Shape.QueryBlock,
            Factor = memory += Shape.QueryBlock,
            Scores = memory + Shape.QueryBlock,
            First = Shape.First + ((long)batch * Shape.BoundsStride),
        };

        var blocks = (layout.Sequence + Shape.QueryBlock - 1) / Shape.QueryBlock;
        var origin = Qkv + ((long)batch * layout.Sequence * layout.Columns);
        var keys = origin + layout.QueryColumns + ((long)kvHead * dim);
        AttentionCopies.Rows(Shape, keys, layout.Columns, 1, state.Keys, AttentionShape.RoundUp(layout.Sequence, Shape.TileRows));
        AttentionCopies.Rows(Shape, keys + layout.KvColumns, layout.Columns, 1, state.Values, layout.Sequence);

        // Parts take every n-th block, because later blocks see more keys; the largest comes first.
        var group = layout.Heads / layout.KvHeads;
        state.NextKeys = NextKeys(task);
        state.NextValues = state.NextKeys.Shift(layout.KvColumns);
        for (var index = (group * blocks) - 1 - part; index >= 0; index -= Parts)
        {
            var (head, next) = ((kvHead * group) + (index % group), Math.Max(0, index - Parts));
            state.NextQueries = Rows(origin, (kvHead * group) + (next % group), next / group * Shape.QueryBlock);
            Block(ref state, origin, batch, head, index / group * Shape.QueryBlock);
        }

        Slots.Return(slot);
    }

    // The queries of a block, where they come from.
    private readonly RowPrefetch Rows(float* origin, int head, int query) => new(
        origin + ((long)query * Shape.Layout.Columns) + ((long)head * Shape.Layout.HeadDim), Shape.Layout.Columns,
        Math.Min(Shape.QueryBlock, Shape.Layout.Sequence - query), Shape.Layout.HeadDim);

    // The keys that this thread will probably copy next.
    private readonly RowPrefetch NextKeys(int task)
    {
        var layout = Shape.Layout;
        var (current, next) = (task / Parts, (task + Ahead) / Parts);
        if (next == current || next >= layout.Batch * layout.KvHeads) return default;
        var start = ((long)(next / layout.KvHeads) * layout.Sequence * layout.Columns)
            + ((long)((next % layout.KvHeads) + layout.Heads) * layout.HeadDim);
        return new(Qkv + start, layout.Columns, layout.Sequence, layout.HeadDim);
    }

    private readonly void Block(ref State state, float* origin, int batch, int head, int query)
    {
        var (layout, dim, strip) = (Shape.Layout, Shape.Layout.HeadDim, Shape.Strip);
        var rows = Math.Min(Shape.QueryBlock, layout.Sequence - query);
        var padded = AttentionShape.RoundUp(rows, strip);

        var outputs = Y + (((((long)batch * layout.Sequence) + query) * layout.Heads) + head) * dim;
        state.NextOutputs = new(outputs, layout.QueryColumns, rows, dim);

        // log2(e) / √dim is part of the queries, so that a score is the exponent of 2.
        var factor = (float)(1.4426950408889634 / Math.Sqrt(dim));
        for (var i = 0; i < rows; i += strip)
        {
            var panel = state.Queries + ((long)i * dim);
            GemmPacking.Panel(
                origin + ((long)(query + i) * layout.Columns) + ((long)head * dim), layout.Columns, 1, Math.Min(strip, rows - i),
                strip, dim, panel);
            Simd.Scale(panel, factor, panel, strip * dim);
        }

        new Span<float>(state.Output, AttentionShape.RoundUp(rows, Shape.TileRows) * Shape.RowStride).Clear();
        new Span<float>(state.Max, padded).Fill(float.NegativeInfinity);
        new Span<float>(state.Sum, padded).Clear();
        var end = query + rows;
        for (var key = Shape.FirstTile(state.First, query); key < end; key += Shape.KeyBlock)
        {
            var keyEnd = Math.Min(key + Shape.KeyBlock, end);
            for (var i = 0; i < rows; i += strip) Scores(ref state, query, i, key, keyEnd);
            Accumulate(state, query, rows, key, keyEnd);
        }

        for (var i = 0; i < rows; i++)
        {
            var sum = state.Sum[i];
            Simd.Scale(state.Output + ((long)i * Shape.RowStride), sum == 0 ? 0 : 1 / sum,
                outputs + ((long)i * layout.QueryColumns), dim);
            LogSumExp[((((long)batch * layout.Heads) + head) * layout.Sequence) + query + i] =
                sum == 0 ? float.NegativeInfinity : LogTwo * (state.Max[i] + MathF.Log2(sum));
        }
    }

    // Probabilities, up to the factor of the running maximum, of one strip of queries and the keys of a block that it sees.
    private readonly void Scores(ref State state, int query, int i, int key, int keyEnd)
    {
        var range = KeyRange.Of(Shape, state.First, query + i, key, keyEnd);
        float* s = state.Scores + i, q = state.Queries + ((long)i * Shape.Layout.HeadDim);
        for (var k = range.First; k < range.End; k += Shape.TileRows)
        {
            // A tile takes long enough for some rows to arrive that are needed later.
            state.NextOutputs.Step(4);
            state.NextQueries.Step(4);
            state.NextKeys.Step(2);
            state.NextValues.Step(2);
            Shape.Tile(
                state.Keys + ((long)k * Shape.RowStride), Shape.RowStride, 1, q, Shape.Strip,
                s + ((long)(k - key) * Shape.ScoreStride),
                Shape.ScoreStride, Shape.Layout.HeadDim, false);
        }

        range.Mask<T>(Shape, state.First, s, query + i, key);
        if (range.First < range.End)
        {
            float* max = state.Max + i, sum = state.Sum + i, factor = state.Factor + i;
            if (ScoreStrip<T>.Softmax(s + ((long)(range.First - key) * Shape.ScoreStride), Shape.ScoreStride,
                range.End - range.First, max, sum, factor))
                Rescale(state.Output + ((long)i * Shape.RowStride), factor);
        }

        range.ClearBeside<T>(Shape, s, key, keyEnd);
    }

    private readonly void Rescale(float* output, float* factor)
    {
        for (var i = 0; i < Shape.Strip; i++, output += Shape.RowStride)
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
                    state.Values + ((long)first * Shape.RowStride) + d, Shape.RowStride,
                    state.Output + ((long)i * Shape.RowStride) + d, Shape.RowStride, depth, true);
            }
        }
    }

    private struct State
    {
        internal float* Keys, Values, Queries, Output, Max, Sum, Factor, Scores, First;
        internal RowPrefetch NextQueries, NextOutputs, NextKeys, NextValues;
    }
}
