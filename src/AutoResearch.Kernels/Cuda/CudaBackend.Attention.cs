namespace AutoResearch.Kernels;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void RotaryNormCore(Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        CheckHeads(layout);
        Launch(_kernels.Rotary["rotary_norm"], RowKernels.Grid(layout.Tokens), Out(qkv), rotary.Address, Out(inverseRms),
            layout.Tokens, layout.Sequence, layout.Heads + layout.KvHeads, layout.HeadDim, layout.Columns);
    }

    /// <inheritdoc/>
    protected override void RotaryNormBackwardCore(
        Tensor dqkv, Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        CheckHeads(layout);
        Launch(_kernels.Rotary["rotary_norm_backward"], RowKernels.Grid(layout.Tokens), Out(dqkv), qkv.Address, rotary.Address, inverseRms.Address,
            layout.Tokens, layout.Sequence, layout.Heads + layout.KvHeads, layout.HeadDim, layout.Columns);
    }

    /// <inheritdoc/>
    protected override void AttentionCore(Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window) =>
        throw new NotSupportedException();
}
