using AutoResearch.Tests;
using FsCheck;
using FsCheck.Fluent;

namespace AutoResearch.Kernels.Tests;

/// <summary>Every operation: reference against central differences, CPU against reference, over odd shapes.</summary>
public sealed class BackendGradientTests
{
    [Fact]
    public void RmsNorm_AnyShape_GradientIsRight() => Check(s => new(
        [s.Matrix], (tape, p) => tape.RmsNorm(p[0]), s.Seed));

    [Fact]
    public void Embedding_AnyShape_GradientIsRight() => Check(s => new(
        [(s.Vocabulary, s.Channels)],
        (tape, p) => tape.Embedding(p[0], tape.Input(s.Tokens(s.Rows, s.Vocabulary), s.Rows), normalize: s.Flag), s.Seed));

    [Fact]
    public void MixNorm_AnyShape_GradientIsRight() => Check(s => new(
        [s.Matrix, s.Matrix, 3, 3, (s.Channels, s.Channels)],
        (tape, p) =>
        {
            var (mixed, normed) = tape.MixNorm(p[0], s.Flag ? p[0] : p[1], p[2], p[3], 1);
            return tape.Linear(normed, p[4], mixed);
        }, s.Seed));

    [Fact]
    public void Linear_AnyShape_GradientIsRight() => Check(s => new(
        [s.Matrix, (s.Outputs, s.Channels), (s.Rows, s.Outputs)],
        (tape, p) => tape.Linear(p[0], p[1], s.Flag ? p[2] : null), s.Seed));

    [Fact]
    public void Mlp_AnyShape_GradientIsRight() => Check(s => new(
        [s.Matrix, (s.Outputs, s.Channels), (s.Channels, s.Outputs)],
        (tape, p) => tape.Mlp(p[0], p[1], p[2], s.Flag ? p[0] : null), s.Seed, 0.4f));

    [Fact]
    public void CrossEntropy_AnyShape_GradientIsRight() => Check(s => new(
        [s.Matrix, (s.Vocabulary, s.Channels)],
        (tape, p) =>
        {
            var targets = s.Tokens(s.Rows, s.Vocabulary);
            if (s.Rows > 1) targets[s.Rows / 2] = Backend.IgnoreIndex;
            return tape.CrossEntropy(p[0], p[1], tape.Input(targets, s.Rows), softcap: s.Flag ? 3 : 0);
        }, s.Seed));

    [Fact]
    public void Attention_AnyLayout_GradientIsRight()
    {
        Prop.ForAll(Layouts.ToArbitrary(), s => Attention(s).CheckDifferences()).Verify(15);
        Prop.ForAll(Layouts.ToArbitrary(), s => Attention(s).CheckCpu(1e-4)).Verify(40);
    }

    [Fact]
    public void Attention_LongerThanOneBlock_CpuAgreesWithReference() =>
        Attention(new(2, 150, 2, 1, 16, 37, false, false, 5)).CheckCpu(2e-4, threads: 2);

    [Fact]
    public void Linear_LargerThanAllBlocks_CpuAgreesWithReference() => new GradientCase(
        [(131, 300), (70, 300)], (tape, p) => tape.Linear(p[0], p[1])).CheckCpu(threads: 2);

    [Fact]
    public void CrossEntropy_SeveralChunks_CpuAgreesWithReference() => new GradientCase([(2500, 8), (50, 8)], (tape, p) =>
        tape.CrossEntropy(p[0], p[1], tape.Input(Enumerable.Range(0, 2500).Select(i => i % 50).ToArray(), 2500))).CheckCpu();

    private static GradientCase Attention(LayoutSize s)
    {
        var layout = new AttentionLayout(s.Batch, s.Sequence, s.KvHeads * s.Group, s.KvHeads, s.HeadDim);
        const int channels = 12, vocabulary = 7;
        return new(
            [(layout.Tokens, channels), (layout.Columns, channels), (vocabulary, layout.KvColumns), (s.KvHeads, 5)],
            (tape, p) =>
            {
                using var rotary = tape.Backend.CreateRotaryTable(s.Sequence + 1, s.HeadDim);
                var table = tape.Allocate(rotary.Shape);
                table.CopyFrom(rotary.ToArray());
                var random = new Random((int)s.Seed);
                var tokens = Enumerable.Range(0, layout.Tokens).Select(_ => random.Next(vocabulary)).ToArray();
                var qkv = s.ValueEmbedding
                    ? tape.QkvProjection(p[0], p[1], layout, p[2], p[3], tape.Input(tokens, layout.Tokens))
                    : tape.QkvProjection(p[0], p[1], layout);
                var documents = s.Documents ? tape.Input(RandomDocuments.Starts(layout, (int)s.Seed), layout.Tokens) : null;
                return tape.Attention(tape.RotaryNorm(qkv, table, layout), layout, s.Window, documents);
            }, s.Seed);
    }

    private static void Check(Func<Size, GradientCase> make)
    {
        Prop.ForAll(Sizes.ToArbitrary(), s => make(s).CheckDifferences()).Verify(20);
        Prop.ForAll(Sizes.ToArbitrary(), s => make(s).CheckCpu()).Verify(60);
    }

    private static Gen<Size> Sizes =>
        from rows in Gen.Frequency((1, Gen.Constant(1)), (4, Gen.Choose(1, 40)))
        from channels in Gen.OneOf(Gen.Choose(1, 20), Gen.Choose(30, 50))
        from outputs in Gen.Choose(1, 40)
        from vocabulary in Gen.Choose(1, 40)
        from flag in Gen.Elements(false, true)
        from seed in Gen.Choose(1, 100_000)
        select new Size(rows, channels, outputs, vocabulary, flag, (ulong)seed);

    private static Gen<LayoutSize> Layouts =>
        from batch in Gen.Choose(1, 2)
        from sequence in Gen.Frequency((1, Gen.Constant(1)), (4, Gen.Choose(1, 20)))
        from kvHeads in Gen.Choose(1, 2)
        from heads in Gen.Choose(1, 3)
        from headDim in Gen.Elements(2, 6, 8, 16, 24)
        from window in Gen.Choose(-1, 6)
        from value in Gen.Elements(false, true)
        from documents in Gen.Elements(false, true)
        from seed in Gen.Choose(1, 100_000)
        select new LayoutSize(batch, sequence, kvHeads, heads, headDim, window, value, documents, (ulong)seed);

    private sealed record Size(int Rows, int Channels, int Outputs, int Vocabulary, bool Flag, ulong Seed)
    {
        internal Shape Matrix => (Rows, Channels);

        internal int[] Tokens(int count, int limit)
        {
            var random = new Random((int)Seed);
            return Enumerable.Range(0, count).Select(_ => random.Next(limit)).ToArray();
        }
    }

    private sealed record LayoutSize(
        int Batch, int Sequence, int KvHeads, int Group, int HeadDim, int Window, bool ValueEmbedding,
        bool Documents, ulong Seed);
}
