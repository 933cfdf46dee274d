namespace AutoResearch.Kernels;

/// <summary>
/// Gradient of attention in blocks: scores are computed again and turned into probabilities with the stored logarithms of their
/// sums (Dao et al. 2022, arXiv:2205.14135, with the projection rowsum(dO ∘ O) computed beforehand). A task owns every n-th block
/// of keys of one key and value head; five products for each pair of blocks. With more than one part, the parts of dQ are
/// added in a fixed order.
/// </summary>
internal unsafe struct AttentionBackward<T> : IParallelWork where T : unmanaged, ILanes<T>
{
    private const float Log2E = 1.44269504f, LogTwo = 0.693147181f;

    internal AttentionShape Shape;
    internal ScratchSlots Slots;
    internal float* Qkv, Y, LogSumExp, Dy, Dqkv;

    /// <summary>Tasks for each key and value head: from the shape alone, because sums depend on it.</summary>
    internal int Parts;

    /// <summary>With more than one part: [batch, head, part, padded sequence, padded dim].</summary>
    internal float* Partials;

    private readonly long Matrix => (long)Shape.PaddedSequence * Shape.RowStride;

    /// <summary>Floats that a task works in.</summary>
    internal static long SlotLength(in AttentionShape shape) =>
        (9L * shape.PaddedSequence * shape.RowStride) + (2L * shape.PaddedSequence) + (2L * shape.KeyBlock * shape.ScoreStride)
        + (shape.TileRows * shape.Strip) + 64;

    public readonly void Execute(int task)
    {
        var layout = Shape.Layout;
        var (part, kvHead, batch) = (task % Parts, task / Parts % layout.KvHeads, task / Parts / layout.KvHeads);
        var memory = Slots.Rent(out var slot);
        var state = new State
        {
            Keys = memory,
            Values = memory += Matrix,
            DKeys = memory += Matrix,
            DValues = memory += Matrix,
            Queries = memory += Matrix,
            DOutput = memory += Matrix,
            QueryPanels = memory += Matrix,
            DOutputPanels = memory += Matrix,
            DQueries = memory += Matrix,
            LogSum = memory += Matrix,
            Projection = memory += Shape.PaddedSequence,
            Scores = memory += Shape.PaddedSequence,
            DScores = memory += (long)Shape.KeyBlock * Shape.ScoreStride,
            Edge = memory + ((long)Shape.KeyBlock * Shape.ScoreStride),
            First = Shape.First + ((long)batch * Shape.BoundsStride),
        };

        var (dim, rows) = (layout.HeadDim, AttentionShape.RoundUp(layout.Sequence, Shape.TileRows));
        var offset = ((long)batch * layout.Sequence * layout.Columns) + layout.QueryColumns + ((long)kvHead * dim);
        AttentionCopies.Rows(Shape, Qkv + offset, layout.Columns, 1, state.Keys, rows);
        AttentionCopies.Rows(Shape, Qkv + offset + layout.KvColumns, layout.Columns, 1, state.Values, rows);
        AttentionCopies.Clear(state.DKeys, 2 * Matrix);
        var group = layout.Heads / layout.KvHeads;
        for (var head = kvHead * group; head < (kvHead + 1) * group; head++) Head(ref state, batch, head, part);
        for (var key = part * Shape.KeyBlock; key < layout.Sequence; key += Parts * Shape.KeyBlock)
        {
            var count = Math.Min(Shape.KeyBlock, layout.Sequence - key);
            var target = Dqkv + offset + ((long)key * layout.Columns);
            Write(state.DKeys + ((long)key * Shape.RowStride), LogTwo, target, count);
            Write(state.DValues + ((long)key * Shape.RowStride), 1, target + layout.KvColumns, count);
        }

        Slots.Return(slot);
    }

    // Everything that one query head contributes to the part's keys and values, and they to it.
    private readonly void Head(ref State state, int batch, int head, int part)
    {
        var (layout, dim, padded) = (Shape.Layout, Shape.Layout.HeadDim,
            AttentionShape.RoundUp(Shape.Layout.Sequence, Shape.Strip));
        var offset = ((long)batch * layout.Sequence * layout.Columns) + ((long)head * dim);
        var row = ((long)batch * layout.Sequence * layout.QueryColumns) + ((long)head * dim);

        // As in the forward pass, a score is the exponent of 2.
        var scale = 1.4426950408889634 / Math.Sqrt(dim);
        AttentionCopies.Rows(Shape, Qkv + offset, layout.Columns, (float)scale, state.Queries, padded);
        AttentionCopies.Rows(Shape, Dy + row, layout.QueryColumns, 1, state.DOutput, padded);
        AttentionCopies.Transpose(state.Queries, Shape.RowStride, padded, dim, Shape.Strip, state.QueryPanels);
        AttentionCopies.Transpose(state.DOutput, Shape.RowStride, padded, dim, Shape.Strip, state.DOutputPanels);
        var sums = LogSumExp + ((((long)batch * layout.Heads) + head) * layout.Sequence);
        for (var i = 0; i < padded; i++)
        {
            // Queries that see nothing, and those beyond the end, get probabilities of 0.
            var seen = i < layout.Sequence && !float.IsNegativeInfinity(sums[i]);
            state.LogSum[i] = seen ? sums[i] * Log2E : float.PositiveInfinity;
            state.Projection[i] = i >= layout.Sequence
                ? 0 : Simd.Dot(Dy + row + ((long)i * layout.QueryColumns), Y + row + ((long)i * layout.QueryColumns), dim);
        }

        if (Parts > 1) state.DQueries = Partials + (((((long)batch * layout.Heads) + head) * Parts) + part) * Matrix;
        AttentionCopies.Clear(state.DQueries, Matrix);
        for (var key = part * Shape.KeyBlock; key < layout.Sequence; key += Parts * Shape.KeyBlock)
        {
            var keyEnd = Math.Min(key + Shape.KeyBlock, layout.Sequence);
            var end = Shape.LastQuery(state.First, keyEnd - 1) + 1;
            for (var query = key / Shape.Strip * Shape.Strip; query < end; query += Shape.QueryBlock)
            {
                var count = AttentionShape.RoundUp(Math.Min(Shape.QueryBlock, end - query), Shape.Strip);
                for (var i = 0; i < count; i += Shape.Strip) Scores(state, query, i, key, keyEnd);
                KeysAndValues(state, query, count, key, keyEnd);
                Queries(state, query, count, key, keyEnd);
            }
        }

        if (Parts == 1) Write(state.DQueries, (float)(1 / Math.Sqrt(dim)), Dqkv + offset, layout.Sequence);
    }

    private readonly void Scores(in State state, int query, int i, int key, int keyEnd)
    {
        var (dim, stride, range) = (Shape.Layout.HeadDim, Shape.ScoreStride,
            KeyRange.Of(Shape, state.First, query + i, key, keyEnd));
        float* s = state.Scores + i, g = state.DScores + i;
        float* q = state.QueryPanels + ((long)(query + i) * dim), o = state.DOutputPanels + ((long)(query + i) * dim);
        for (var k = range.First; k < range.End; k += Shape.TileRows)
            Shape.Tile(state.Keys + ((long)k * Shape.RowStride), Shape.RowStride, 1, q, Shape.Strip,
                s + ((long)(k - key) * stride), stride, dim, false);
        for (var k = range.First; k < range.End; k += Shape.TileRows)
            Shape.Tile(state.Values + ((long)k * Shape.RowStride), Shape.RowStride, 1, o, Shape.Strip,
                g + ((long)(k - key) * stride), stride, dim, false);
        range.Mask<T>(Shape, state.First, s, query + i, key);
        if (range.First < range.End)
        {
            var start = (long)(range.First - key) * stride;
            ScoreStrip<T>.Gradient(s + start, g + start, stride, range.End - range.First, state.LogSum + query + i,
                state.Projection + query + i);
        }

        range.ClearBeside<T>(Shape, g, key, keyEnd);
    }

    // dV += P · dO and dK += dS · Q over the queries that see a tile of keys.
    private readonly void KeysAndValues(in State state, int query, int count, int key, int keyEnd)
    {
        var lastSeen = state.First[Math.Min(query + count, Shape.Layout.Sequence) - 1];
        for (var d = 0; d < Shape.PaddedDim; d += Shape.Strip)
        {
            for (var k = key; k < keyEnd; k += Shape.TileRows)
            {
                var first = Math.Max(query, k);
                var end = query + count;
                if (lastSeen > k + Shape.TileRows - 1)
                    end = Math.Min(end, Shape.LastQuery(state.First, k + Shape.TileRows - 1) + 1);
                if (first >= end) continue;
                var at = ((long)(k - key) * Shape.ScoreStride) + first - query;
                long from = ((long)first * Shape.RowStride) + d, to = ((long)k * Shape.RowStride) + d;
                Shape.Tile(
                    state.Scores + at, Shape.ScoreStride, 1, state.DOutput + from, Shape.RowStride, state.DValues + to,
                    Shape.RowStride,
                    end - first, true);
                Shape.Tile(
                    state.DScores + at, Shape.ScoreStride, 1, state.Queries + from, Shape.RowStride, state.DKeys + to,
                    Shape.RowStride,
                    end - first, true);
            }
        }
    }

    // dQ += dSᵀ · K.
    private readonly void Queries(in State state, int query, int count, int key, int keyEnd)
    {
        for (var d = 0; d < Shape.PaddedDim; d += Shape.Strip)
        {
            for (var i = 0; i < count; i += Shape.TileRows)
            {
                var first = Math.Max(key, (int)state.First[query + i]);
                var depth = Math.Min(keyEnd, query + i + Shape.TileRows) - first;
                if (depth <= 0) continue;
                var a = state.DScores + ((long)(first - key) * Shape.ScoreStride) + i;
                var b = state.Keys + ((long)first * Shape.RowStride) + d;
                var c = state.DQueries + ((long)(query + i) * Shape.RowStride) + d;
                if (i + Shape.TileRows <= count)
                {
                    Shape.Tile(a, 1, Shape.ScoreStride, b, Shape.RowStride, c, Shape.RowStride, depth, true);
                    continue;
                }

                // The rest of the tile belongs to queries whose scores are not here.
                Shape.Tile(a, 1, Shape.ScoreStride, b, Shape.RowStride, state.Edge, Shape.Strip, depth, false);
                for (var row = 0; row < count - i; row++)
                    Simd.AddScaled(state.Edge + (row * Shape.Strip), 1, c + ((long)row * Shape.RowStride), Shape.Strip);
            }
        }
    }

    private readonly void Write(float* source, float factor, float* target, int rows)
    {
        for (var i = 0; i < rows; i++, source += Shape.RowStride, target += Shape.Layout.Columns)
            Simd.Scale(source, factor, target, Shape.Layout.HeadDim);
    }

    private struct State
    {
        internal float* Keys, Values, DKeys, DValues, Queries, DOutput, QueryPanels, DOutputPanels, DQueries, LogSum,
            Projection, Scores;
        internal float* DScores, Edge, First;
    }
}
