using System.Globalization;
using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The host's side of the contract with the attention kernels.</summary>
public sealed class AttentionKernelsTests
{
    private static readonly AttentionProblem Problem = new(2, 4, 2, 64, 100, 100);

    /// <summary>Gets file, head dimension, further definitions, shared bytes, name and size of the parameter struct.</summary>
    public static IEnumerable<TheoryDataRow<string, int, string, int, string, int>> Contracts
    {
        get
        {
            foreach (var d in new[] { 64, 128 })
            {
                yield return new("attention_forward_sm90.cu", d, "", AttentionKernels.HopperForwardShared(d), "AttentionForward",
                    Unsafe.SizeOf<AttentionParameters.HopperForward>());
                yield return new("attention_backward_q_sm90.cu", d, "", AttentionKernels.HopperQueriesShared(d),
                    "AttentionBackward", Unsafe.SizeOf<AttentionParameters.HopperBackward>());
                yield return new("attention_backward_kv_sm90.cu", d, "REDUCE_DQ=0", AttentionKernels.HopperKeysShared(d, false),
                    "AttentionBackward", Unsafe.SizeOf<AttentionParameters.HopperBackward>());
                yield return new("attention_backward_kv_sm90.cu", d, "REDUCE_DQ=1", AttentionKernels.HopperKeysShared(d, true),
                    "AttentionBackward", Unsafe.SizeOf<AttentionParameters.HopperBackward>());
                yield return new("attention_forward_sm80.cu", d, "", AttentionKernels.ForwardShared(d), "AttentionForward",
                    Unsafe.SizeOf<AttentionParameters.Forward>());
                yield return new("attention_backward_kv_sm80.cu", d, "", AttentionKernels.KeysShared(d), "AttentionBackward",
                    Unsafe.SizeOf<AttentionParameters.Backward>());
                yield return new("attention_backward_q_sm80.cu", d, "", AttentionKernels.QueriesShared(d), "AttentionBackward",
                    Unsafe.SizeOf<AttentionParameters.Backward>());
                yield return new("attention_backward_prepare.cu", d, "", -1, "AttentionPrepare",
                    Unsafe.SizeOf<AttentionParameters.Prepare>());
                yield return new("attention_backward_convert.cu", d, "", -1, "AttentionConvert",
                    Unsafe.SizeOf<AttentionParameters.Convert>());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Contracts))]
    public void SharedMemoryAndParameters_OfHostAndKernel_AreTheSame(
        string file, int headDim, string define, int shared, string parameters, int bytes)
    {
        EmulatorToolchain.Require();
        var text = EmulatorToolchain.KernelText(file)
            + string.Create(CultureInfo.InvariantCulture, $"\nstatic_assert(sizeof({parameters}) == {bytes}, \"parameters\");\n")
            + (shared < 0
                ? ""
                : string.Create(CultureInfo.InvariantCulture, $"static_assert(SHARED_BYTES == {shared}, \"shared memory\");\n"));
        string[] defines = define.Length == 0 ? [$"HEAD_DIM={headDim}"] : [$"HEAD_DIM={headDim}", define];
        EmulatorLibrary.Compile(text, defines, []);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    public void SharedMemory_OfAmpereKernels_FitsEveryArchitecture(int headDim)
    {
        const int Smallest = 99 * 1024;
        Assert.InRange(AttentionKernels.ForwardShared(headDim), 1, Smallest);
        Assert.InRange(AttentionKernels.KeysShared(headDim), 1, Smallest);
        Assert.InRange(AttentionKernels.QueriesShared(headDim), 1, Smallest);
    }

    [Fact]
    public void Validate_HeadDimensionWithoutKernel_NamesTheTwo() =>
        Assert.Contains("64 or 128 channels, not 96",
            Assert.Throws<ArgumentException>(() => (Problem with { HeadDim = 96 }).Validate()).Message, StringComparison.Ordinal);

    [Fact]
    public void Validate_HeadsThatAreNoMultiple_IsRefused() =>
        Assert.Contains("multiple of KvHeads (3)",
            Assert.Throws<ArgumentException>(() => (Problem with { KvHeads = 3 }).Validate()).Message, StringComparison.Ordinal);

    [Fact]
    public void Validate_WindowWithoutCausalMask_IsRefused() =>
        Assert.Throws<ArgumentException>(() => (Problem with { Causal = false, Window = 4 }).Validate());

    [Fact]
    public void Validate_MoreRowsThanALaunchCounts_IsRefused() =>
        Assert.Contains("Split the batch",
            Assert.Throws<ArgumentException>(() => new AttentionProblem(60000, 60000, 1, 64, 100, 100).Validate()).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(8, 64, "multiple of 16")]
    [InlineData(4096, 60, "the stride 60")]
    public void Validate_TensorThatKernelsCannotRead_SaysWhy(int address, long stride, string message) =>
        Assert.Contains(
            message, Assert.Throws<ArgumentException>(() => new AttentionTensor(address, stride, 64, 6400).Validate("q")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void WorkspaceBytes_ReducingDq_HasRoomForTheSums()
    {
        var rows = 2 * 4 * 128;
        Assert.Equal(rows * 8, AttentionKernels.WorkspaceBytes(Problem, hopper: true, deterministic: true));
        Assert.Equal(rows * 8, AttentionKernels.WorkspaceBytes(Problem, hopper: false, deterministic: false));
        Assert.Equal(rows * (8 + (64 * 4)), AttentionKernels.WorkspaceBytes(Problem, hopper: true, deterministic: false));
    }
}
