using System.Numerics;

namespace AutoResearch.Kernels;

public sealed partial class CudaBackend
{
    private const int SortChunk = 1024, SortDigits = 256, SortBits = 8, SegmentTile = 64, SegmentThreads = 128;
    private const int GateRowsPerBlock = 256;

    // The tokens sorted last, to be used again by the other tables of the same pass.
    private (nint Tokens, long Count, long Vocabulary, nint Keys, nint Positions) _sorted;

    /// <inheritdoc/>
    protected override void EmbeddingCore(Tensor table, Tensor tokens, Tensor y, Tensor? inverseRms)
    {
        var (rows, columns) = Rows(y);
        Launch(_kernels.Gather.For(columns), RowKernels.Grid(rows), Rounded(table), tokens.Address, Out(y),
            inverseRms is null ? 0 : Out(inverseRms), rows, columns, Vocabulary(table), _fault);
    }

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(Tensor dy, Tensor y, Tensor? inverseRms, Tensor tokens, Tensor dTable)
    {
        var (rows, columns) = Rows(dy);
        nint projection = 0;
        if (inverseRms is not null)
        {
            projection = _rowValues.Take(Device, rows * sizeof(float));
            Launch(_kernels.Embedding["embedding_projection"], RowKernels.Grid(rows), dy.Address, y.Address, projection,
                rows, columns);
        }

        SumPerToken(tokens, dTable, columns, dy.Address, columns, inverseRms is null ? 0 : y.Address, inverseRms?.Address ?? 0,
            projection, 0, 1, columns);
    }

    /// <inheritdoc/>
    protected override void ValueEmbeddingCore(
        Tensor qkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, in AttentionLayout layout)
    {
        CheckHeads(layout);
        Launch(_kernels.Value["value_embedding"], RowKernels.Grid(layout.Tokens), Out(qkv), x.Address, Rounded(table),
            gateWeight.Address, tokens.Address,
            Out(gate), layout.Tokens, layout.Columns, layout.QueryColumns + layout.KvColumns, layout.KvHeads, layout.HeadDim,
            x.Shape.Columns, gateWeight.Shape.Columns, Vocabulary(table), _fault);
    }

    /// <inheritdoc/>
    protected override void ValueEmbeddingBackwardCore(
        Tensor dqkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, Tensor? dx, in AttentionLayout layout)
    {
        CheckHeads(layout);
        var (rows, heads, channels) = (layout.Tokens, layout.KvHeads, gateWeight.Shape.Columns);
        var valueColumn = layout.QueryColumns + layout.KvColumns;
        var dz = _rowValues.Take(Device, (long)rows * heads * sizeof(float));
        Launch(_kernels.Value["value_embedding_backward"], RowKernels.Grid(rows), dqkv.Address, Rounded(table),
            gateWeight.Address, tokens.Address, gate.Address, dz, dx is null ? 0 : Out(dx), rows, layout.Columns, valueColumn,
            heads, layout.HeadDim, x.Shape.Columns, channels, Vocabulary(table), _fault);
        if (gateWeight.Grad is { } dGate)
        {
            var (blocks, width) = (Blocks(rows, GateRowsPerBlock), heads * channels);
            var perBlock = (rows + blocks - 1) / blocks;
            var partials = _partials.Take(Device, (long)blocks * width * sizeof(float));
            Launch(_kernels.Value["gate_weight_partials"], new(blocks, 256), dz, x.Address, partials, rows, perBlock, heads,
                x.Shape.Columns, channels);
            Launch(_kernels.Value["add_column_sums"], RowKernels.Grid(width), partials, blocks, width, Out(dGate));
        }

        if (table.Grad is { } dTable)
        {
            SumPerToken(tokens, dTable, layout.KvColumns, dqkv.Address + (valueColumn * 2), layout.Columns, 0, 0, 0, gate.Address,
                heads, layout.HeadDim);
        }
    }

    // table[token] += the rows of a gradient that belong to the token, in the order of their positions.
    private void SumPerToken(
        Tensor tokens, Tensor table, int columns, nint rows, long rowStride, nint normed, nint inverse, nint projection,
        nint gate, int heads, int headDim)
    {
        var count = checked((int)tokens.ElementCount);
        var vocabulary = Vocabulary(table);
        var (keys, positions) = Sort(tokens, count, vocabulary);
        var tiles = (count + SegmentTile - 1) / SegmentTile;
        var parts = _partials.Take(Device, 2L * tiles * columns * sizeof(float));
        var tails = parts + (nint)((long)tiles * columns * sizeof(float));
        var threads = Math.Min(SegmentThreads, (((columns / 8) + 31) / 32) * 32);
        var grid = new Dim3(tiles, ((columns / 8) + threads - 1) / threads);
        Launch(_kernels.Embedding["segment_sum"], new(grid, threads), keys, positions, count, vocabulary, rows, rowStride, normed,
            inverse, projection, gate, heads, headDim, columns, Out(table), parts, tails);
        if (tiles > 1)
            Launch(_kernels.Embedding["segment_join"], new(grid, threads), keys, count, vocabulary, columns, table.Address,
                parts, tails);
    }

    private (nint Keys, nint Positions) Sort(Tensor tokens, int count, int vocabulary)
    {
        if (_sorted is var known && known.Tokens == tokens.Address && known.Count == count && known.Vocabulary == vocabulary
            && known.Keys != 0)
            return (known.Keys, known.Positions);
        var passes = Math.Max(1, (32 - BitOperations.LeadingZeroCount((uint)vocabulary) + SortBits - 1) / SortBits);
        var chunks = (count + SortChunk - 1) / SortChunk;
        var array = ((long)count * sizeof(int) + 255) / 256 * 256;
        var memory = _sortScratch.Take(Device, (4 * array) + ((long)SortDigits * chunks * sizeof(int)));
        var counts = memory + (nint)(4 * array);
        var (keys, positions) = (tokens.Address, (nint)0);
        for (var pass = 0; pass < passes; pass++)
        {
            var (nextKeys, shift) = (memory + (nint)(pass % 2 * 2 * array), pass * SortBits);
            var nextPositions = nextKeys + (nint)array;
            Launch(_kernels.Embedding["sort_count"], new(chunks, SortDigits), keys, count, vocabulary, shift, counts, _fault);
            Launch(_kernels.Embedding["sort_scan"], new(1, 1024), counts, SortDigits * chunks);
            Launch(_kernels.Embedding["sort_scatter"], new(chunks, SortDigits), keys, positions, count, vocabulary, shift, counts,
                nextKeys, nextPositions, _fault);
            (keys, positions) = (nextKeys, nextPositions);
        }

        _sorted = (tokens.Address, count, vocabulary, keys, positions);
        return (keys, positions);
    }

    private void ForgetSortedTokens() => _sorted = default;

    private static int Vocabulary(Tensor table) => checked((int)table.Shape.Rows);

    private static void CheckHeads(in AttentionLayout layout)
    {
        if (layout.HeadDim < 16 || layout.HeadDim > 512 || !BitOperations.IsPow2(layout.HeadDim))
            throw new NotSupportedException("On the GPU a head has 64 or 128 channels (rotary embedding and gates: 16 to 512, "
                + $"a power of two), not {layout.HeadDim}.");
    }
}
