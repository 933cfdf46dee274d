namespace AutoResearch.Kernels;

public sealed unsafe partial class CudaBackend
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
        Launch(_kernels.Rotary["rotary_norm_backward"], RowKernels.Grid(layout.Tokens), Out(dqkv), qkv.Address, rotary.Address,
            inverseRms.Address, layout.Tokens, layout.Sequence, layout.Heads + layout.KvHeads, layout.HeadDim, layout.Columns);
    }

    /// <inheritdoc/>
    protected override void AttentionCore(
        Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window, Tensor? documentStarts)
    {
        var (q, k, v) = Heads(qkv.Address, layout);
        AttentionKernels.Forward(_attention, Problem(layout, window, documentStarts), q, k, v, Output(Out(y), layout),
            Out(logSumExp));
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window,
        Tensor? documentStarts)
    {
        var problem = Problem(layout, window, documentStarts);
        var workspace = _attentionScratch.Take(Device,
            AttentionKernels.WorkspaceBytes(problem, _attention.Hopper, _options.Deterministic));
        var (q, k, v) = Heads(qkv.Address, layout);
        var (dq, dk, dv) = Heads(Out(dqkv), layout);
        AttentionKernels.Backward(
            _attention, problem, q, k, v, Output(y.Address, layout), Output(dy.Address, layout), logSumExp.Address, dq, dk, dv,
            workspace, _options.Deterministic);
    }

    private static AttentionProblem Problem(in AttentionLayout layout, int window, Tensor? documentStarts) =>
        new(layout, window) { DocumentStarts = documentStarts?.Address ?? 0 };

    private static (AttentionTensor Q, AttentionTensor K, AttentionTensor V) Heads(nint qkv, in AttentionLayout layout) => (
        AttentionTensor.Rows(qkv, layout.Sequence, layout.HeadDim, layout.Columns),
        AttentionTensor.Rows(qkv, layout.Sequence, layout.HeadDim, layout.Columns, layout.QueryColumns),
        AttentionTensor.Rows(qkv, layout.Sequence, layout.HeadDim, layout.Columns, layout.QueryColumns + layout.KvColumns));

    private static AttentionTensor Output(nint y, in AttentionLayout layout) =>
        AttentionTensor.Rows(y, layout.Sequence, layout.HeadDim, layout.QueryColumns);

    // The attention's launches, written down while a step is recorded.
    private sealed class AttentionTarget(CudaBackend backend)
        : DeviceAttention(backend.Stream, backend._kernels.Load, backend._options.Hopper)
    {
        public override void Clear(nint address, long bytes) => backend.Fill(address, 0, 4, bytes / 4);

        private protected override void Issue(CudaFunction function, in CudaLaunch launch, void* parameters, int bytes)
        {
            if (backend._recording is { } commands) commands.Launch(function, launch, parameters, bytes);
            else base.Issue(function, launch, parameters, bytes);
        }
    }
}
