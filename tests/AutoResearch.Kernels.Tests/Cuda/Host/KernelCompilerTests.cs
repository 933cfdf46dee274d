namespace AutoResearch.Kernels.Tests.Cuda;

public sealed class KernelCompilerTests : IDisposable
{
    private const string Scale = """
        extern "C" __global__ void scale(float* x, float factor, int n)
        {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < n) x[i] *= factor;
        }
        template <typename T, int N> __global__ void fill(T* x, T value)
        {
            for (int i = 0; i < N; i++) x[threadIdx.x * N + i] = value;
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("autoresearch-cubins-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    public void Compile_NewSource_IsElfWithReportAndLoweredNames(string architecture)
    {
        var binary = Compiler().Compile(new KernelSource(Scale, "scale", "fill<float, 4>"), architecture);

        Assert.False(binary.IsFromCache);
        Assert.Equal("\u007fELF"u8.ToArray(), binary.Cubin[..4].ToArray());
        Assert.Equal("scale", binary.LoweredName("scale"));
        Assert.StartsWith("_Z4fill", binary.LoweredName("fill<float, 4>"), StringComparison.Ordinal);
        var resources = binary.Resources("scale");
        Assert.InRange(resources.Registers, 4, 32);
        Assert.False(resources.Spills);
        Assert.Equal(2, binary.Report.Kernels.Count);
    }

    private KernelCompiler Compiler()
    {
        if (CudaLibraries.Machine.Find(CudaComponent.Nvrtc) is null) Assert.Skip("NVRTC is not installed.");
        return new(new() { CacheDirectory = _folder });
    }
}
