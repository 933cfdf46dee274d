namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The emulator itself: it runs what is right, and names what is wrong.</summary>
public sealed unsafe class EmulatorTests
{
    private const string Sum = """
        #include "ptx.cuh"
        extern "C" __global__ void __launch_bounds__(256) sum(const bf16* x, float* y, int n) {
          DYNAMIC_SHARED(memory);
          __shared__ float part[8];
          u32 at = shared_address(memory) + threadIdx.x * 16;
          float s = 0;
          for (int i = threadIdx.x; i < n; i += 256) s += bf16_to_float(x[i]);
          cp_async_16(at, x + threadIdx.x * 8, threadIdx.x < 100);
          cp_async_commit();
          for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(~0u, s, o);
          if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = s;
          cp_async_wait<0>();
          __syncthreads();
          if (threadIdx.x == 0) {
            float all = 0;
            for (int i = 0; i < 8; i++) all += part[i];
            atomicAdd(y, all);
          }
          y[1 + threadIdx.x] = bf16_to_float(((bf16*)memory)[8 * (255 - threadIdx.x) + 3]);
        }
        """;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Launch_PlainCuda_ComputesWhatTheTextSays(ulong seed)
    {
        EmulatorToolchain.Require();
        var (result, x, y) = Run(Sum, 1000, seed);
        using var input = x;
        using var output = y;
        result.Check();
        Assert.Equal(2 * Enumerable.Range(0, 1000).Sum(i => i % 7), y.Float(0));
        for (var t = 0; t < 256; t++) Assert.Equal(255 - t < 100 ? ((8 * (255 - t)) + 3) % 7 : 0, y.Float(1 + t));
    }

    [Theory]
    [InlineData("  cp_async_wait<0>();\n", "", "leaves 1 cp.async")]
    [InlineData("  cp_async_wait<0>();\n  __syncthreads();", "  __syncthreads();\n  cp_async_wait<0>();", "NaN")]
    [InlineData("if (threadIdx.x % 32 == 0) part", "if (threadIdx.x == 0) part", "NaN")]
    [InlineData("s += __shfl_xor_sync(~0u, s, o)", "if (threadIdx.x != 3) s += __shfl_xor_sync(~0u, s, o)", "DEADLOCK")]
    [InlineData("threadIdx.x * 16;", "threadIdx.x * 17;", "not aligned to 16")]
    [InlineData("threadIdx.x * 16;", "threadIdx.x * 16 + 16;", "outside the block's 4096 bytes")]
    [InlineData("i < n", "i < n + 3000", "from the end of a buffer of 4096 bytes")]
    [InlineData("for (int i = threadIdx.x;", "for (;;) atomicAdd(y, 1.f); for (int i = threadIdx.x;", "no end after")]
    public void Launch_FaultyText_IsCaught(string text, string replacement, string expected)
    {
        EmulatorToolchain.Require();
        Assert.Contains(text, Sum, StringComparison.Ordinal);
        var (result, x, y) = Run(Sum.Replace(text, replacement, StringComparison.Ordinal), 1000, 0);
        using var input = x;
        using var output = y;
        if (expected != "NaN") Assert.Contains(expected, result.Message, StringComparison.Ordinal);
        else Assert.True(Enumerable.Range(0, 257).Any(i => float.IsNaN(y.Float(i))), $"No NaN; {result}");
    }

    private static (EmulatorResult Result, EmulatorMemory X, EmulatorMemory Y) Run(string text, int n, ulong seed)
    {
        var library = EmulatorLibrary.Compile(text, [], ["sum"]);
        var x = new EmulatorMemory(4096);
        var y = new EmulatorMemory(257 * 4);
        for (var i = 0; i < 2048; i++) x.SetBf16(i, i % 7);
        y.Float(0) = 0;
        nint first = x.Address, second = y.Address;
        return (library.Launch("sum", (2, 1, 1), (256, 1, 1), 4096, [(nint)(&first), (nint)(&second), (nint)(&n)], seed, 1), x,
            y);
    }
}
