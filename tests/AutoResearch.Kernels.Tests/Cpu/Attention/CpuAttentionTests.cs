using AutoResearch.Tests;
using FsCheck;
using FsCheck.Fluent;

namespace AutoResearch.Kernels.Tests;

public sealed class CpuAttentionTests
{
    private const double Tolerance = 2e-6;

    [Fact]
    public void Attention_AnyShapeTileAndBlocks_MatchesDouble() => Prop.ForAll(Cases.ToArbitrary(), Check).Verify(150);

    [Theory]
    [InlineData(GemmTile.Portable8x8)]
    [InlineData(GemmTile.Avx2)]
    [InlineData(GemmTile.Avx512)]
    public void Attention_SeveralDefaultBlocks_MatchesDouble(GemmTile tile)
    {
        if (!CpuTuning.Supports(tile)) return;
        Check(new(new(1, 300, 4, 2, 64), -1, new(tile), 2, 1, 1));
        Check(new(new(1, 411, 2, 2, 128), 130, new(tile), 1, 2, 2));
    }

    [Fact]
    public void AttentionBackward_PartsOfOneHead_MatchDouble()
    {
        // Sixteen blocks of keys and few heads: four parts, whose gradients of the queries are added.
        foreach (var tile in Tiles)
            foreach (var window in (int[])[-1, 40])
                Check(new(new(1, 128, 3, 1, 16), window, Blocks(tile, 32, 8, 32, 8), 2, 3, 1));
    }

    [Fact]
    public void Attention_LongRowOfDocuments_MatchesDouble()
    {
        foreach (var tile in Tiles) Check(new(new(2, 300, 2, 1, 64), -1, new(tile), 2, 4, 1) { Documents = 3 });
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(3, 4)]
    [InlineData(2, -1)]
    [InlineData(3, 1)]
    public void Attention_DocumentsThatBeginAfterTheirTokens_AreRefused(int position, int start)
    {
        AttentionLayout layout = new(1, 5, 1, 1, 8);
        int[] starts = [0, 0, 2, 2, 2];
        starts[position] = start;
        using var cpu = new CpuBackend();
        using var reference = new ReferenceBackend();
        foreach (var backend in (Backend[])[cpu, reference])
        {
            using var documents = backend.Allocate(5, DType.Int32);
            using var qkv = backend.Allocate((layout.Tokens, layout.Columns));
            using var y = backend.Allocate((layout.Tokens, layout.QueryColumns));
            using var logSumExp = backend.Allocate((1, 1, 5));
            documents.CopyFrom(starts);
            var error = Assert.Throws<ArgumentException>(() => backend.Attention(qkv, y, logSumExp, layout, -1, documents));
            Assert.Contains($"at position {position} cannot begin at {start}", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Attention_AnyNumberOfThreads_BitEqual()
    {
        foreach (var tile in Tiles)
        {
            Case one = new(new(2, 170, 4, 2, 32), 100, Blocks(tile, 32, 24, 48, 16), 1, 5, 1);
            var expected = Run(one);
            foreach (var threads in (int[])[1, 2, 3])
            {
                var actual = Run(one with { Threads = threads });
                Assert.Equal(expected.Y, actual.Y);
                Assert.Equal(expected.LogSumExp, actual.LogSumExp);
                Assert.Equal(expected.Dqkv, actual.Dqkv);
            }
        }
    }

    [Fact]
    public void Attention_SteadyState_AllocatesNothing()
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        AttentionLayout layout = new(1, 600, 2, 1, 32);
        using var t = new Tensors(backend, layout, Random(layout.Tokens * layout.Columns, 1, 1),
            Random(layout.Tokens * layout.QueryColumns, 2, 1));
        t.Run(layout, 50);
        Allocations.None(() => t.Run(layout, 50));
    }

    [Fact]
    public void Attention_NotANumberInAQuery_StaysInItsRow()
    {
        foreach (var tile in Tiles)
        {
            using var backend = new CpuBackend(new() { Threads = 1, Tuning = new(tile) });
            AttentionLayout layout = new(1, 40, 1, 1, 8);
            var qkv = Random(layout.Tokens * layout.Columns, 1, 1);
            qkv[20 * layout.Columns] = float.NaN;
            using var t = new Tensors(backend, layout, qkv, Random(layout.Tokens * layout.QueryColumns, 2, 1));
            t.Run(layout, -1);
            var y = t.Y.ToArray();
            for (var i = 0; i < y.Length; i++) Assert.Equal(i / layout.HeadDim == 20, float.IsNaN(y[i]));
        }
    }

    [Fact]
    public void AttentionBackward_RowThatSawNothing_ContributesNothing()
    {
        foreach (var tile in Tiles)
        {
            using var backend = new CpuBackend(new() { Threads = 1, Tuning = new(tile) });
            AttentionLayout layout = new(1, 20, 1, 1, 8);
            using var t = new Tensors(backend, layout, Random(layout.Tokens * layout.Columns, 1, 1),
                Random(layout.Tokens * layout.QueryColumns, 2, 1));
            backend.Attention(t.Qkv, t.Y, t.LogSumExp, layout, -1);
            t.LogSumExp.CopyFrom(Enumerable.Repeat(float.NegativeInfinity, layout.Tokens).ToArray());
            backend.AttentionBackward(t.Qkv, t.Y, t.LogSumExp, t.Dy, t.Dqkv, layout, -1);
            Assert.All(t.Dqkv.ToArray(), g => Assert.Equal(0, g));
        }
    }

    private static IEnumerable<GemmTile> Tiles => Enum.GetValues<GemmTile>().Where(CpuTuning.Supports);

    private static Gen<Case> Cases =>
        from batch in Gen.Choose(1, 2)
        from sequence in Gen.Frequency((1, Gen.Constant(1)), (3, Gen.Choose(1, 40)), (6, Gen.Choose(40, 150)))
        from kvHeads in Gen.Choose(1, 2)
        from heads in Gen.Choose(1, 3)
        from headDim in Gen.Elements(2, 6, 8, 16, 24, 32, 34, 64)
        from window in Gen.OneOf(Gen.Constant(-1), Gen.Choose(0, 5), Gen.Choose(0, sequence + 5))
        from tile in Gen.Elements(Tiles.ToArray())
        from blocks in Gen.ArrayOf(Gen.Choose(1, 100), 4)
        from threads in Gen.Choose(1, 3)
        from seed in Gen.Choose(1, 100_000)
        from magnitude in Gen.Elements(0.5f, 1f, 4f)
        from documents in Gen.OneOf(Gen.Constant((int?)null), Gen.Choose(1, 1000).Select(s => (int?)s))
        select new Case(
            new(batch, sequence, kvHeads * heads, kvHeads, headDim), window,
            Blocks(tile, blocks[0], blocks[1], blocks[2], blocks[3]), threads,
            seed, magnitude)
        {
            Documents = documents,
        };

    private static CpuTuning Blocks(GemmTile tile, int queries, int keys, int backwardQueries, int backwardKeys) =>
        new CpuTuning(tile) with
        {
            AttentionQueries = queries, AttentionKeys = keys, AttentionBackwardQueries = backwardQueries,
            AttentionBackwardKeys = backwardKeys,
        };

    private static void Check(Case c)
    {
        var (actual, exact) = (Run(c), new ExactAttention(c.Qkv, c.Dy, c.Layout, c.Window, c.Starts));

        // An error of a score is one of the exponent.
        var score = Math.Max(1, exact.LogSumExp.Max(Math.Abs));
        Near(exact.Y, actual.Y, score, $"output of {c}");
        Near(exact.LogSumExp, actual.LogSumExp, 1, $"log-sum-exp of {c}");
        Near(exact.Dqkv, actual.Dqkv, score, $"gradient of {c}");
    }

    private static void Near(double[] expected, float[] actual, double factor, string what)
    {
        var limit = Tolerance * factor * Math.Max(1e-3, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= limit,
                $"{what}: element {i} is {actual[i]}, expected {expected[i]} ± {limit}");
    }

    private static (float[] Y, float[] LogSumExp, float[] Dqkv) Run(Case c)
    {
        using var backend = new CpuBackend(new() { Threads = c.Threads, Tuning = c.Tuning });
        using var t = new Tensors(backend, c.Layout, c.Qkv, c.Dy, c.Starts);
        t.Run(c.Layout, c.Window);
        return (t.Y.ToArray(), t.LogSumExp.ToArray(), t.Dqkv.ToArray());
    }

    private static float[] Random(int count, int seed, float magnitude)
    {
        var random = new Random(seed);
        return Enumerable.Range(0, count).Select(_ => magnitude * ((2 * random.NextSingle()) - 1)).ToArray();
    }

    private sealed record Case(AttentionLayout Layout, int Window, CpuTuning Tuning, int Threads, int Seed, float Magnitude)
    {
        internal float[] Qkv => Random(Layout.Tokens * Layout.Columns, Seed, Magnitude);

        internal float[] Dy => Random(Layout.Tokens * Layout.QueryColumns, Seed + 1, 1);

        /// <summary>Seed of the documents that the rows are packed with, or null.</summary>
        internal int? Documents { get; init; }

        internal int[]? Starts => Documents is { } seed ? RandomDocuments.Starts(Layout, seed) : null;
    }

    private sealed class Tensors : IDisposable
    {
        private readonly CpuBackend _backend;

        internal Tensors(CpuBackend backend, in AttentionLayout layout, float[] qkv, float[] dy, int[]? starts = null)
        {
            _backend = backend;
            Qkv = backend.Allocate((layout.Tokens, layout.Columns));
            Qkv.CopyFrom(qkv);
            Dy = backend.Allocate((layout.Tokens, layout.QueryColumns));
            Dy.CopyFrom(dy);
            Y = backend.Allocate(Dy.Shape);
            Dqkv = backend.Allocate(Qkv.Shape);
            LogSumExp = backend.Allocate((layout.Batch, layout.Heads, layout.Sequence));
            if (starts is not null)
            {
                Starts = backend.Allocate(layout.Tokens, DType.Int32);
                Starts.CopyFrom(starts);
            }

            // Whatever is not written shows.
            foreach (var output in (Tensor[])[Y, Dqkv, LogSumExp])
                output.CopyFrom(Enumerable.Repeat(float.NaN, (int)output.ElementCount).ToArray());
        }

        internal Tensor Qkv { get; }

        internal Tensor Dy { get; }

        internal Tensor Y { get; }

        internal Tensor Dqkv { get; }

        internal Tensor LogSumExp { get; }

        private Tensor? Starts { get; }

        internal void Run(in AttentionLayout layout, int window)
        {
            _backend.Attention(Qkv, Y, LogSumExp, layout, window, Starts);
            _backend.AttentionBackward(Qkv, Y, LogSumExp, Dy, Dqkv, layout, window, Starts);
        }

        public void Dispose()
        {
            foreach (var tensor in (Tensor?[])[Qkv, Dy, Y, Dqkv, LogSumExp, Starts]) tensor?.Dispose();
        }
    }
}
