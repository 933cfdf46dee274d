namespace AutoResearch.Kernels.Tests;

public sealed unsafe class GemmByColumnsTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(13, 31, 257)]
    [InlineData(14, 32, 256)]
    [InlineData(50, 600, 130)]
    [InlineData(29, 77, 1030)]
    public void Run_AnyShapeLayoutTileAndThreads_EqualsTheProductByRows(int m, int n, int k)
    {
        float[] a = Values(m * k, 1), b = Values(k * n, 2), start = Values(m * n, 3), other = Values(m * n, 4);
        foreach (var blocks in Blocks())
            for (var form = 0; form < 16; form++)
            {
                bool transA = (form & 1) != 0, transB = (form & 2) != 0, accumulate = (form & 4) != 0;
                var epilogue = (form & 8) != 0 ? GemmEpilogue.Add : GemmEpilogue.None;
                var (aRow, aColumn) = transA ? (1L, (long)m) : (k, 1L);
                var (bRow, bColumn) = transB ? (1L, (long)k) : (n, 1L);
                float[] packed = new float[Gemm.PackedLength(n, k, blocks)], expected = [.. start];
                fixed (float* pa = a, pb = b, pc = expected, ps = packed, po = other)
                {
                    Gemm.PackB(ThreadTeam.Alone, ps, pb, bRow, bColumn, n, k, blocks);
                    Gemm.RunPacked(ThreadTeam.Alone, ps, pa, aRow, aColumn, pc, m, n, k, accumulate, blocks, epilogue, po);
                }

                for (var threads = 1; threads <= 3; threads++)
                {
                    using var team = new ThreadTeam(threads);
                    float[] scratch = new float[GemmByColumns.ScratchLength(m, k, blocks)], c = [.. start];
                    fixed (float* pa = a, pb = b, pc = c, ps = scratch, po = other)
                        GemmByColumns.Run(team, ps, pa, aRow, aColumn, pb, bRow, bColumn, pc, m, n, k, accumulate, blocks,
                            epilogue, po);
                    Assert.Equal(expected, c);
                }
            }
    }

    [Fact]
    public void Run_FewRowsAndLargeB_TakesThisWayAndMatchesDouble()
    {
        const int M = 20, N = 1024, K = 1024;
        Assert.True(GemmByColumns.Suits(M, N, K, CpuTuning.Default));
        Assert.False(GemmByColumns.Suits(M, N, K - 1, CpuTuning.Default));
        Assert.False(GemmByColumns.Suits(1024, N, K, CpuTuning.Default));
        float[] a = Values(M * K, 1), b = Values(K * N, 2), c = new float[M * N],
            scratch = new float[Gemm.ScratchLength(M, N, K)];
        Assert.True(scratch.Length < Gemm.PackedLength(N, K));
        using var team = new ThreadTeam(2);
        fixed (float* pa = a, pb = b, pc = c, ps = scratch) Gemm.Run(team, ps, pa, K, 1, pb, N, 1, pc, M, N, K, false);
        for (var i = 0; i < M; i++)
            for (var j = 0; j < N; j += 7)
            {
                var sum = 0.0;
                for (var l = 0; l < K; l++) sum += (double)a[(i * K) + l] * b[(l * N) + j];
                Assert.Equal(sum, c[(i * N) + j], 1e-4);
            }
    }

    private static IEnumerable<GemmBlocks> Blocks() =>
        Enum.GetValues<GemmTile>().Where(t => t <= CpuTuning.Default.Tile).Select(t => new GemmBlocks(t, 56, 100))
            .Append(CpuTuning.Default);

    private static float[] Values(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}
