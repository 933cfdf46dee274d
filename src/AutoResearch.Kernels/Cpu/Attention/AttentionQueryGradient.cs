namespace AutoResearch.Kernels;

/// <summary>dQ as the sum, in order, of what the parts of the keys contributed.</summary>
internal unsafe struct AttentionQueryGradient : IParallelWork
{
    internal const int RowsPerTask = 64;

    internal AttentionShape Shape;
    internal float* Partials, Dqkv;
    internal int Parts;

    internal readonly int Blocks => (Shape.Layout.Sequence + RowsPerTask - 1) / RowsPerTask;

    public readonly void Execute(int task)
    {
        var layout = Shape.Layout;
        var (block, head, batch) = (task % Blocks, task / Blocks % layout.Heads, task / Blocks / layout.Heads);
        var matrix = (long)Shape.PaddedSequence * Shape.RowStride;
        var source = Partials + ((((long)batch * layout.Heads) + head) * Parts * matrix);
        var scale = (float)(1 / Math.Sqrt(layout.HeadDim));
        for (var i = block * RowsPerTask; i < Math.Min(layout.Sequence, (block + 1) * RowsPerTask); i++)
        {
            var row = source + ((long)i * Shape.RowStride);
            for (var part = 1; part < Parts; part++) Simd.AddScaled(row + (part * matrix), 1, row, layout.HeadDim);
            Simd.Scale(row, scale,
                Dqkv + ((((long)batch * layout.Sequence) + i) * layout.Columns) + ((long)head * layout.HeadDim), layout.HeadDim);
        }
    }
}
