namespace AutoResearch.Kernels.Tests.Cpu.Gemm;

public sealed class CpuTuningFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cpu-tuning-").FullName;

    private string File1 => Path.Combine(_directory, "new", "tuning.json");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Load_Saved_IsTheSame()
    {
        var tuning = CpuTuning.Default with { BlockRows = 112, Depth = 320 };
        Assert.Equal(File1, CpuTuningFile.Save(tuning, File1));
        Assert.Equal(tuning, CpuTuningFile.Load(File1));
        Assert.Equal(["tuning.json"], Directory.GetFiles(Path.Combine(_directory, "new")).Select(Path.GetFileName));
    }

    [Fact]
    public void Load_NothingThere_IsNull() => Assert.Null(CpuTuningFile.Load(File1));

    [Theory]
    [InlineData("\"machine\": \"", "\"machine\": \"another ")] // a home directory shared with another machine
    [InlineData("320", "100000000")] // too large for a stack
    [InlineData("320", "\"deep\"")]
    [InlineData("\"blockRows\"", "\"rows\"")]
    [InlineData("}", "")]
    public void Load_OtherMachineOrDamaged_IsNull(string text, string replacement)
    {
        CpuTuningFile.Save(CpuTuning.Default with { BlockRows = 112, Depth = 320 }, File1);
        var content = File.ReadAllText(File1);
        Assert.Contains(text, content, StringComparison.Ordinal);
        File.WriteAllText(File1, content.Replace(text, replacement, StringComparison.Ordinal));
        Assert.Null(CpuTuningFile.Load(File1));
    }

    [Fact]
    public void Save_Impossible_ThrowsAndLeavesTheFile()
    {
        CpuTuningFile.Save(CpuTuning.Default, File1);
        Assert.Throws<ArgumentException>(() => CpuTuningFile.Save(CpuTuning.Default with { Depth = 0 }, File1));
        Assert.Equal(CpuTuning.Default, CpuTuningFile.Load(File1));
    }

    [Fact]
    public void CpuBackend_Options_TuningIsUsedAndChecked()
    {
        var tuning = CpuTuning.Default with { BlockRows = CpuTuning.Default.TileRows, Depth = 24 };
        using var backend = new CpuBackend(new() { Threads = 1, Tuning = tuning });
        Assert.Equal(tuning, backend.Tuning);
        backend.Tuning = CpuTuning.Default;
        Assert.Equal(CpuTuning.Default, backend.Tuning);
        Assert.Throws<ArgumentException>(() => backend.Tuning = tuning with { Depth = -1 });
        var error = Assert.Throws<ArgumentException>(() => new CpuBackend(new() { Tuning = tuning with { BlockRows = 1 } }));
        Assert.Contains("BlockRows is 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MatMul_SmallBlocks_SumsInOtherOrderToTheSameWithinRounding()
    {
        float[] Product(CpuTuning tuning)
        {
            using var backend = new CpuBackend(new() { Threads = 2, Tuning = tuning });
            using Tensor a = backend.Allocate((61, 500)), b = backend.Allocate((500, 45)), c = backend.Allocate((61, 45));
            ParameterInitializer.Normal(a, 1, 1, 1);
            ParameterInitializer.Normal(b, 1, 1, 2);
            backend.MatMul(a, b, c);
            return c.ToArray();
        }

        var (usual, small) = (Product(CpuTuning.Default),
            Product(CpuTuning.Default with { BlockRows = CpuTuning.Default.TileRows, Depth = 24 }));
        Assert.NotEqual(usual, small); // the settings arrive in the kernel
        for (var i = 0; i < usual.Length; i++) Assert.Equal(usual[i], small[i], 1e-3);
    }
}
