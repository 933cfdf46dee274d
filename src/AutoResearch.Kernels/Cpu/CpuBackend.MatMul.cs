namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    private readonly ScratchBuffer _batch = new();

    /// <inheritdoc/>
    protected override void MatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB) =>
        Batch(a, b, c, transposeA, transposeB, symmetric: false);

    /// <inheritdoc/>
    protected override void SymmetricMatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB) =>
        Batch(a, b, c, transposeA, transposeB, symmetric: true);

    // Whole products go to the threads while there is one for each; the rest is shared between them.
    private void Batch(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB, bool symmetric)
    {
        var (batch, m, n) = Matrices(c);
        var (_, ar, ac) = Matrices(a);
        var k = transposeA ? ar : ac;
        var work = new BatchWork
        {
            A = a.Floats, B = b.Floats, C = c.Floats, M = m, N = n, K = k, TransposeA = transposeA, TransposeB = transposeB,
            Symmetric = symmetric, Blocks = Tuning,
            Scratch = ScratchSlots.Create(_batch, _team.Threads, Gemm.PackedLength(n, k, Tuning)),
        };
        var whole = batch - (batch % _team.Threads);
        _team.Run(whole, work);
        for (var i = whole; i < batch; i++) work.Multiply(_team, i);
    }

    private struct BatchWork : IParallelWork
    {
        internal float* A, B, C;
        internal int M, N, K;
        internal bool TransposeA, TransposeB, Symmetric;
        internal GemmBlocks Blocks;
        internal ScratchSlots Scratch;

        public readonly void Execute(int task) => Multiply(ThreadTeam.Alone, task);

        internal readonly void Multiply(ThreadTeam team, int i)
        {
            var scratch = Scratch.Rent(out var slot);
            var (aRow, aColumn) = TransposeA ? (1L, (long)M) : (K, 1L);
            var (bRow, bColumn) = TransposeB ? (1L, (long)K) : (N, 1L);
            var c = C + ((long)i * M * N);
            Gemm.PackB(team, scratch, B + ((long)i * K * N), bRow, bColumn, N, K, Blocks);
            Gemm.RunPacked(team, scratch, A + ((long)i * M * K), aRow, aColumn, c, M, N, K, false, Blocks, lowerOnly: Symmetric);
            if (Symmetric) GemmMirror.LowerToUpper(team, c, N);
            Scratch.Return(slot);
        }
    }
}
