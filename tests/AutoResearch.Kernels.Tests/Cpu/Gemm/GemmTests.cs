using AutoResearch.Tests;

namespace AutoResearch.Kernels.Tests;

public sealed unsafe class GemmTests
{
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 0, 5, 3 }, { 5, 0, 3 }, { 5, 3, 0 }, { 1, 1, 1 }, { 1, 77, 300 }, { 300, 1, 77 }, { 13, 31, 257 }, { 14, 32, 256 },
        { 129, 77, 51 }, { 64, 96, 513 }, { 301, 65, 260 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Run_AnyShapeLayoutTileAndThreads_MatchesDoubleAndIsIndependentOfThreads(int m, int n, int k)
    {
        float[] a = Values(m * k, 1), b = Values(k * n, 2), start = Values(m * n, 3);
        foreach (var tile in Tiles())
            for (var form = 0; form < 8; form++)
            {
                bool transA = (form & 1) != 0, transB = (form & 2) != 0, accumulate = (form & 4) != 0;
                float[]? first = null;
                for (var threads = 1; threads <= 3; threads++)
                {
                    var c = Multiply(a, b, start, m, n, k, transA, transB, accumulate, tile, threads);
                    first ??= c;
                    Assert.Equal(first, c);
                }

                for (var i = 0; i < m; i++)
                    for (var j = 0; j < n; j++)
                    {
                        double sum = accumulate ? start[(i * n) + j] : 0, size = Math.Abs(sum);
                        for (var l = 0; l < k; l++)
                        {
                            var term = (double)a[transA ? (l * m) + i : (i * k) + l] * b[transB ? (j * k) + l : (l * n) + j];
                            sum += term;
                            size += Math.Abs(term);
                        }

                        Assert.True(
                            Math.Abs(sum - first![(i * n) + j]) <= 1e-6 * size,
                            $"{tile}, form {form}: C[{i},{j}] = {first[(i * n) + j]}, not {sum}");
                    }
            }
    }

    [Fact]
    public void Run_SteadyState_AllocatesNothing()
    {
        float[] a = Values(100 * 300, 1), b = Values(300 * 50, 2), c = new float[100 * 50];
        var scratch = new float[Gemm.ScratchLength(100, 50, 300)];
        using var team = new ThreadTeam(2);
        fixed (float* pa = a, pb = b, pc = c, ps = scratch)
        {
            Gemm.Run(team, ps, pa, 300, 1, pb, 50, 1, pc, 100, 50, 300, false);
            var (ma, mb, mc, scratched) = ((nint)pa, (nint)pb, (nint)pc, (nint)ps);
            Allocations.None(() =>
                Gemm.Run(team, (float*)scratched, (float*)ma, 300, 1, (float*)mb, 50, 1, (float*)mc, 100, 50, 300, true));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(230)] // more than one block along the inner extent: the epilogue must come after the last
    public void RunPacked_Epilogue_IsAppliedOnceToTheWholeSum(int k)
    {
        const int M = 37, N = 75;
        float[] a = Values(M * k, 1), b = Values(k * N, 2), other = [.. Values(M * N, 3).Select(Math.Abs)],
            start = Values(M * N, 4);
        foreach (var tuning in Tiles())
            foreach (var accumulate in (bool[])[false, true])
            {
                var plain = Multiply(a, b, start, M, N, k, false, false, accumulate, tuning, 2);
                Check(GemmEpilogue.Add, (c, o) => c + o);
                Check(GemmEpilogue.ReluSquared, (c, _) => Math.Max(c, 0) * Math.Max(c, 0));
                Check(GemmEpilogue.ReluSquaredGradient, (c, o) => c * 2 * MathF.Sqrt(o));

                void Check(GemmEpilogue epilogue, Func<float, float, float> expected)
                {
                    using var team = new ThreadTeam(2);
                    float[] c = [.. start], scratch = new float[Gemm.PackedLength(N, k, tuning) + 1];
                    fixed (float* pa = a, pb = b, pc = c, ps = scratch, po = other)
                    {
                        Gemm.PackB(team, ps, pb, N, 1, N, k, tuning);
                        Gemm.RunPacked(team, ps, pa, k, 1, pc, M, N, k, accumulate, tuning, epilogue, po);
                    }
                    for (var i = 0; i < c.Length; i++) Assert.Equal(expected(plain[i], other[i]), c[i], 1e-6f);
                }
            }
    }

    private static IEnumerable<CpuTuning> Tiles() =>
        Enum.GetValues<GemmTile>().Where(t => t <= CpuTuning.Default.Tile).Select(t => new CpuTuning(t, 56, 100))
            .Append(CpuTuning.Default);

    private static float[] Multiply(
        float[] a, float[] b, float[] start, int m, int n, int k, bool transA, bool transB, bool accumulate, CpuTuning tuning,
        int threads)
    {
        using var team = new ThreadTeam(threads);
        float[] c = [.. start], scratch = new float[Gemm.ScratchLength(m, n, k, tuning)];
        fixed (float* pa = a, pb = b, pc = c, ps = scratch)
            Gemm.Run(
                team, ps, pa, transA ? 1 : k, transA ? m : 1, pb, transB ? 1 : n, transB ? k : 1, pc, m, n, k,
                accumulate, tuning);
        return c;
    }

    private static float[] Values(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = random.NextSingle() - 0.5f;
        return values;
    }
}
