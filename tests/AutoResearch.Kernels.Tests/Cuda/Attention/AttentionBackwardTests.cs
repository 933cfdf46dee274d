namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The CUDA attention backward kernels on the emulator, against double precision.</summary>
public sealed class AttentionBackwardTests
{
    /// <summary>Gets head dimensions with both modes.</summary>
    public static IEnumerable<TheoryDataRow<int, bool>> Modes => [(64, true), (64, false), (128, true), (128, false)];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Backward_Hopper_MatchesDoublePrecision(int headDim, bool deterministic) =>
        Check(AttentionForwardTests.Cases(headDim), hopper: true, deterministic);

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    public void Backward_Ampere_MatchesDoublePrecision(int headDim) =>
        Check(AttentionForwardTests.Cases(headDim), hopper: false, deterministic: true);

    [Fact]
    public void Backward_TensorsFarApart_UseOffsetsBeyond32Bits()
    {
        var test = new AttentionCase(64, 70) { Batch = 2, Layout = AttentionCaseLayout.Huge, Seed = 3 };
        Check([test], hopper: true, deterministic: true);
        Check([test], hopper: true, deterministic: false);
        Check([test], hopper: false, deterministic: true);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(128, true)]
    [InlineData(128, false)]
    public void Backward_Deterministic_GivesTheSameBitsInAnySchedule(int headDim, bool hopper)
    {
        EmulatorToolchain.Require();
        var test = new AttentionCase(headDim, 200);
        ushort[] Run(ulong seed)
        {
            using var attention = new EmulatedAttention(test with { Seed = seed }, hopper);
            attention.Backward(deterministic: true);
            Assert.Null(attention.BackwardError());
            return
            [
                .. attention.Bits(attention.Dq, test.Queries, test.Heads),
                .. attention.Bits(attention.Dk, test.Keys, test.KvHeads),
                .. attention.Bits(attention.Dv, test.Keys, test.KvHeads),
            ];
        }

        Assert.Equal(Run(0), Run(7));
    }

    internal static void Check(IEnumerable<AttentionCase> cases, bool hopper, bool deterministic)
    {
        EmulatorToolchain.Require();
        foreach (var test in cases)
        {
            using var attention = new EmulatedAttention(test, hopper);
            attention.Backward(deterministic);
            var error = attention.BackwardError();
            Assert.True(error is null, $"{test} {(deterministic ? "deterministic" : "fast")}: {error}");
        }
    }
}
