namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    // Tasks that the backward pass wants, and the blocks of keys that a part of a head should at least have. Constants: the sum
    // over parts must not depend on the number of threads.
    private const int BackwardTasks = 64, BackwardPartBlocks = 4;

    /// <inheritdoc/>
    protected override void AttentionCore(
        Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window, Tensor? documentStarts)
    {
        var shape = AttentionShape.Create(layout, Tuning, Tuning.AttentionQueries, Tuning.AttentionKeys);
        SetBounds(ref shape, layout, window, documentStarts);
        switch (Tuning.Tile)
        {
            case GemmTile.Avx512: Forward<Lanes16>(qkv, y, logSumExp, shape); break;
            case GemmTile.Avx2: Forward<Lanes8>(qkv, y, logSumExp, shape); break;
            default: Forward<Lanes4>(qkv, y, logSumExp, shape); break;
        }
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window,
        Tensor? documentStarts)
    {
        var shape = AttentionShape.Create(layout, Tuning, Tuning.AttentionBackwardQueries, Tuning.AttentionBackwardKeys);
        SetBounds(ref shape, layout, window, documentStarts);
        switch (Tuning.Tile)
        {
            case GemmTile.Avx512: Backward<Lanes16>(qkv, y, logSumExp, dy, dqkv, shape); break;
            case GemmTile.Avx2: Backward<Lanes8>(qkv, y, logSumExp, dy, dqkv, shape); break;
            default: Backward<Lanes4>(qkv, y, logSumExp, dy, dqkv, shape); break;
        }
    }

    private void SetBounds(ref AttentionShape shape, in AttentionLayout layout, int window, Tensor? documentStarts)
    {
        if (documentStarts is not null) CheckDocuments(documentStarts, layout);
        shape.SetBounds(_bounds.Take(shape.BoundsLength(documentStarts is not null)), window,
            documentStarts is null ? null : documentStarts.Ints);
    }

    private void Forward<T>(Tensor qkv, Tensor y, Tensor logSumExp, in AttentionShape shape) where T : unmanaged, ILanes<T>
    {
        // Several tasks for each thread, but not more than there are blocks: every task copies keys and values.
        var heads = shape.Layout.Batch * shape.Layout.KvHeads;
        var blocks = (shape.Layout.Sequence + shape.QueryBlock - 1) / shape.QueryBlock
            * (shape.Layout.Heads / shape.Layout.KvHeads);
        var parts = _team.Threads == 1 ? 1 : Math.Clamp(((4 * _team.Threads) + heads - 1) / heads, 1, blocks);
        _team.Run(heads * parts, new AttentionForward<T>
        {
            Shape = shape, Slots = ScratchSlots.Create(_attention, _team.Threads, AttentionForward<T>.SlotLength(shape)),
            Parts = parts, Ahead = _team.Threads, Qkv = qkv.Floats, Y = y.Floats, LogSumExp = logSumExp.Floats,
        });
    }

    private void Backward<T>(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionShape shape) where T : unmanaged, ILanes<T>
    {
        var layout = shape.Layout;
        var heads = layout.Batch * layout.KvHeads;
        var keyBlocks = (layout.Sequence + shape.KeyBlock - 1) / shape.KeyBlock;
        var parts = Math.Clamp(BackwardTasks / heads, 1, Math.Max(1, keyBlocks / BackwardPartBlocks));
        var matrix = (long)shape.PaddedSequence * shape.RowStride;
        var partials = parts == 1 ? null : _partials.Take(layout.Batch * layout.Heads * parts * matrix);
        _team.Run(heads * parts, new AttentionBackward<T>
        {
            Shape = shape, Slots = ScratchSlots.Create(_attention, _team.Threads, AttentionBackward<T>.SlotLength(shape)),
            Parts = parts, Partials = partials, Qkv = qkv.Floats, Y = y.Floats, LogSumExp = logSumExp.Floats, Dy = dy.Floats,
            Dqkv = dqkv.Floats,
        });
        if (parts == 1) return;
        var sum = new AttentionQueryGradient { Shape = shape, Partials = partials, Dqkv = dqkv.Floats, Parts = parts };
        _team.Run(layout.Batch * layout.Heads * sum.Blocks, sum);
    }
}
