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

    [Fact]
    public void Compile_SecondTime_ComesFromTheCacheWithItsReport()
    {
        var source = new KernelSource(Scale, "scale", "fill<float, 4>");
        var first = Compiler().Compile(source, "sm_80");
        var second = Compiler().Compile(source, "sm_80");
        Assert.True(second.IsFromCache);
        Assert.Equal(first.Cubin.ToArray(), second.Cubin.ToArray());
        Assert.Equal(first.Resources("fill<float, 4>"), second.Resources("fill<float, 4>"));
        Assert.Equal(first.LoweredName("fill<float, 4>"), second.LoweredName("fill<float, 4>"));
    }

    [Fact]
    public void Compile_CacheDamaged_IsCompiledAnew()
    {
        var source = new KernelSource(Scale, "scale");
        Compiler().Compile(source, "sm_80");
        var file = Assert.Single(Directory.GetFiles(_folder));
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..100]);
        var again = Compiler().Compile(source, "sm_80");
        Assert.False(again.IsFromCache);
        Assert.True(Compiler().Compile(source, "sm_80").IsFromCache);
    }

    [Fact]
    public void Compile_UnwritableCache_StillCompiles()
    {
        RequireNvrtc();
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var compiler = new KernelCompiler(new() { CacheDirectory = Path.Combine(file, "sub") });
        Assert.False(compiler.Compile(new KernelSource(Scale, "scale"), "sm_80").IsFromCache);
        Assert.False(compiler.Compile(new KernelSource(Scale, "scale"), "sm_80").IsFromCache);
    }

    [Fact]
    public void Compile_HeadersAndDefines_AreSeen()
    {
        const string text = """
            #include "factor.cuh"
            #include "second.cuh"
            extern "C" __global__ void scale(float* x) { x[threadIdx.x] *= factor() * SCALE + second; }
            """;
        var source = new KernelSource(text, "scale")
        {
            Headers = new Dictionary<string, string>
            {
                ["factor.cuh"] = "float factor() { return 3; }\n",
                ["second.cuh"] = "#define second 1\n",
            },
            Defines = new Dictionary<string, string> { ["SCALE"] = "2.5f" },
        };
        Assert.Single(Compiler().Compile(source, "sm_86").Report.Kernels);
        var error = Assert.Throws<KernelCompileException>(() =>
            Compiler().Compile(source with { Defines = new Dictionary<string, string>() }, "sm_86"));
        Assert.Contains("kernel.cu(3): identifier \"SCALE\" is undefined", error.Message, StringComparison.Ordinal);
        Assert.Contains("x[threadIdx.x] *= factor()", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_ManyErrors_ShowsTheFirstFew()
    {
        var text = string.Join('\n', Enumerable.Range(0, 9).Select(i => $"int a{i} = missing{i};"));
        var error = Assert.Throws<KernelCompileException>(() => Compiler().Compile(new KernelSource(text, "scale"), "sm_80"));
        Assert.True(error.Errors.Count >= 9);
        Assert.Equal(("kernel.cu", 1, true), (error.Errors[0].File, error.Errors[0].Line, error.Errors[0].IsError));
        Assert.Contains($"and {error.Errors.Count - 5} more", error.Message, StringComparison.Ordinal);
        Assert.Contains("missing8", error.Log, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Compile_AssemblerError_IsReported()
    {
        var error = Assert.Throws<KernelCompileException>(() => Compiler().Compile(
            new KernelSource("extern \"C\" __global__ void scale() { asm volatile(\"nonsense.instruction;\"); }", "scale"),
            "sm_80"));
        Assert.NotEmpty(error.Errors);
        Assert.Contains("does not compile", error.Message, StringComparison.Ordinal);
    }

    // The real assembler's own words: a result is read while the multiplication that makes it is still running.
    [Fact]
    public void Compile_WgmmaThatIsSerialised_IsNoted()
    {
        const string text = """
            extern "C" __global__ void __launch_bounds__(128) wgmma(float* x, unsigned long long a, unsigned long long b)
            {
                float d[4] = {};
                for (int i = 0; i < 4; i++)
                {
                    asm volatile("wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0, %1, %2, %3}, %4, %5, 1, 1, 1, 0, 0;"
                        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(a), "l"(b + i));
                    asm volatile("wgmma.commit_group.sync.aligned;");
                    d[i] += x[i];
                }
                asm volatile("wgmma.wait_group.sync.aligned 0;");
                for (int i = 0; i < 4; i++) x[threadIdx.x * 4 + i] = d[i];
            }
            """;
        var report = Compiler().Compile(new KernelSource(text, "wgmma"), "sm_90a").Report;
        Assert.Contains("(C75", Assert.Single(report.PerformanceNotes), StringComparison.Ordinal);
        Assert.Contains("'wgmma'", report.PerformanceNotes[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_EntryPointMissing_IsAnError()
    {
        var error = Assert.Throws<KernelCompileException>(() => Compiler().Compile(new KernelSource(Scale, "missing"), "sm_80"));
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_ArchitectureUnknown_IsAnError()
    {
        Assert.Throws<KernelCompileException>(() => Compiler().Compile(new KernelSource(Scale, "scale"), "sm_11"));
        Assert.Throws<ArgumentException>(() => Compiler().Compile(new KernelSource(Scale, "scale"), "compute_80"));
    }

    [Fact]
    public void Compile_WithoutNvrtc_SaysWhereWasLooked()
    {
        var libraries = new CudaLibraries(new CudaSearch(_ => null, _folder, useLoader: false));
        var compiler = new KernelCompiler(new() { Libraries = libraries, CacheDirectory = null });
        for (var i = 0; i < 2; i++)
        {
            var error = Assert.Throws<CudaNotFoundException>(() => compiler.Compile(new KernelSource(Scale, "scale"), "sm_80"));
            Assert.Equal(CudaComponent.Nvrtc, error.Component);
        }
    }

    [Fact]
    public void Compile_WithoutNvrtcButWithACacheFromElsewhere_IsServedFromIt()
    {
        var source = new KernelSource(Scale, "scale");
        var made = Compiler().Compile(source, "sm_90a");
        var here = new KernelCompiler(new()
        {
            Libraries = new CudaLibraries(new CudaSearch(_ => null, _folder, useLoader: false)),
            CacheDirectory = _folder,
        });
        var carried = here.Compile(source, "sm_90a");
        Assert.True(carried.IsFromCache);
        Assert.Equal(made.Cubin.ToArray(), carried.Cubin.ToArray());
        Assert.Throws<CudaNotFoundException>(() => here.Compile(source, "sm_80"));
        Assert.EndsWith($"-{Compiler().Version}.cubin", Assert.Single(Directory.GetFiles(_folder)), StringComparison.Ordinal);
    }

    [Fact]
    public void Key_AnythingDifferent_IsAnotherKey()
    {
        var source = new KernelSource(Scale, "scale")
        {
            Headers = new Dictionary<string, string> { ["a.cuh"] = "int a;", ["b.cuh"] = "int b;" },
        };
        string[] options = ["--gpu-architecture=sm_80", "-x"];
        var keys = new[]
        {
            KernelCompiler.Key(source, options),
            KernelCompiler.Key(source, ["--gpu-architecture=sm_90a", "-x"]),
            KernelCompiler.Key(source, ["--gpu-architecture=sm_80-x"]),
            KernelCompiler.Key(source with { Text = Scale + " " }, options),
            KernelCompiler.Key(source with { Name = "other.cu" }, options),
            KernelCompiler.Key(source with { EntryPoints = ["scale", "fill<float, 4>"] }, options),
            KernelCompiler.Key(source with { Headers = new Dictionary<string, string> { ["a.cuh"] = "int a;" } }, options),
            KernelCompiler.Key(
                source with { Headers = new Dictionary<string, string> { ["a.cuh"] = "int b;", ["b.cuh"] = "int a;" } }, options),
        };
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.All(keys, key => Assert.Equal(64, key.Length));
        var turned = source with { Headers = new Dictionary<string, string> { ["b.cuh"] = "int b;", ["a.cuh"] = "int a;" } };
        Assert.Equal(keys[0], KernelCompiler.Key(turned, options));
    }

    [Fact]
    public void Compile_FromManyThreads_Works()
    {
        var compiler = Compiler();
        Parallel.For(0, 6, i => Assert.Equal(8, compiler.Compile(new KernelSource(Scale, $"fill<int, {(i % 3) + 1}>"), "sm_80")
            .Resources($"fill<int, {(i % 3) + 1}>").Registers, 8.0));
        Assert.Equal(3, Directory.GetFiles(_folder).Length);
    }

    [Fact]
    public void Source_Empty_Throws()
    {
        Assert.Throws<ArgumentException>(() => new KernelSource(" ", "scale"));
        Assert.Throws<ArgumentException>(() => new KernelSource(Scale));
        Assert.Throws<ArgumentException>(() => new KernelSource(Scale, "scale", ""));
    }

    private static void RequireNvrtc() =>
        Assert.SkipWhen(CudaLibraries.Machine.Find(CudaComponent.Nvrtc) is null, "NVRTC is not installed.");

    private KernelCompiler Compiler()
    {
        RequireNvrtc();
        return new(new() { CacheDirectory = _folder });
    }
}
