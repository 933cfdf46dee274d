namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The CUDA attention forward kernels on the emulator, against double precision.</summary>
public sealed class AttentionForwardTests
{
    /// <summary>Gets the grid of cases: every length with every window once, everything else varied along.</summary>
    public static IEnumerable<TheoryDataRow<int>> HeadDims => [64, 128];

    [Theory]
    [MemberData(nameof(HeadDims))]
    public void Forward_Hopper_MatchesDoublePrecision(int headDim) => Check(Cases(headDim), hopper: true);

    [Theory]
    [MemberData(nameof(HeadDims))]
    public void Forward_Ampere_MatchesDoublePrecision(int headDim) => Check(Cases(headDim), hopper: false);

    // Scores of hundreds: without the running maximum everything would be infinite or 0.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forward_LargeScores_MatchesDoublePrecision(bool hopper) =>
        Check([new(64, 300) { Magnitude = 20, Seed = 5 }, new(128, 300) { Magnitude = 20, Window = 100, Seed = 6 }], hopper);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forward_TensorsFarApart_UseOffsetsBeyond32Bits(bool hopper) =>
        Check([new(64, 70) { Batch = 2, Layout = AttentionCaseLayout.Huge, Seed = 3 }], hopper);

    [Theory]
    [MemberData(nameof(HeadDims))]
    public void Forward_AnySchedule_GivesTheSameBits(int headDim)
    {
        EmulatorToolchain.Require();
        var test = new AttentionCase(headDim, 300) { Window = 150 };
        ushort[] Run(ulong seed, int multiprocessors)
        {
            using var attention = new EmulatedAttention(test with { Seed = seed, Multiprocessors = multiprocessors },
                hopper: true);
            attention.Forward();
            Assert.Null(attention.ForwardError());
            return attention.Bits(attention.O, test.Queries, test.Heads);
        }

        Assert.Equal(Run(0, 1), Run(5, 4));
    }

    internal static IEnumerable<AttentionCase> Cases(int headDim)
    {
        var n = 0;
        foreach (var length in new[] { 1, 17, 64, 100, 200, 300 })
        {
            foreach (var window in new[] { -1, 0, 1, 63 })
            {
                var (heads, kvHeads) = (n % 3) switch { 0 => (1, 1), 1 => (2, 1), _ => (4, 1) };
                if (length > 100 && window is 0 or 1) heads = kvHeads = 1;
                yield return new(headDim, length)
                {
                    Window = window, Heads = heads, KvHeads = kvHeads, Seed = (ulong)n, Multiprocessors = 1 + (n % 4),
                    Layout = n % 2 == 0 ? AttentionCaseLayout.Fused : AttentionCaseLayout.HeadMajor,
                };
                n++;
            }
        }

        yield return new(headDim, 17) { Documents = true, Batch = 2, Heads = 4, KvHeads = 2, Seed = 31 };
        yield return new(headDim, 330) { Documents = true, Batch = 2, Heads = 1, Seed = 32 };
        yield return new(headDim, 200) { Documents = true, Window = 40, Heads = 1, Seed = 33 };
        yield return new(headDim, 300) { Keys = 100, Heads = 1, Seed = 34 };                    // rows 0 … 199 see nothing
        yield return new(headDim, 100) { Keys = 300, Heads = 1, Window = 50, Seed = 35 };
        yield return new(headDim, 200) { Keys = 17, Heads = 2, Seed = 36, Multiprocessors = 1 };
        yield return new(headDim, 100) { Keys = 230, Causal = false, Heads = 1, Seed = 37 };
        yield return new(headDim, 70) { Keys = 1, Causal = false, Heads = 2, Seed = 38 };
    }

    internal static void Check(IEnumerable<AttentionCase> cases, bool hopper)
    {
        EmulatorToolchain.Require();
        foreach (var test in cases)
        {
            using var attention = new EmulatedAttention(test, hopper);
            attention.Forward();
            var error = attention.ForwardError();
            Assert.True(error is null, $"{test}: {error}");
        }
    }
}
