using AutoResearch.Benchmarks.Kernels;

namespace AutoResearch.Kernels.Tests.Cuda;

public sealed class KernelGateTests
{
    private const string Text = """
        extern "C" __global__ void small(float* x) { x[threadIdx.x] *= 2; }
        extern "C" __global__ void large(const float* x, float* y)
        {
            float v[64];
            #pragma unroll
            for (int i = 0; i < 64; i++) v[i] = x[i * 256 + threadIdx.x];
            #pragma unroll
            for (int i = 0; i < 64; i++) y[i * 256 + threadIdx.x] = v[63 - i] * 3 + v[(i * 7) % 64];
        }
        """;

    [Fact]
    public void Catalog_EveryVariant_MeetsItsBudget()
    {
        var rows = new KernelGate(Compiler(), variant => variant.Source()).Run(KernelCatalog.All);
        Assert.Empty(rows.SelectMany(row =>
            row.Problems.Select(problem => $"{row.Variant.File} {row.Variant.Label} {row.Architecture}: {problem}")));
    }

    [Fact]
    public void Catalog_EveryKernelFile_HasAnEntry() =>
        Assert.Empty(KernelGate.Forgotten(EmbeddedKernels.Files(), KernelCatalog.All));

    [Fact]
    public void Run_KernelWithinBudget_HasNoProblemsAndIsInTheTable()
    {
        var rows = Run([new("test.cu", "small", 32), new("test.cu", "large", 255) { Architectures = ["sm_80"] }]);

        Assert.Equal(5, rows.Count);
        Assert.All(rows, row => Assert.Empty(row.Problems));
        var table = KernelGate.Table(rows, new(12, 4));
        Assert.Contains("| test.cu | `small` | ", table, StringComparison.Ordinal);
        Assert.Contains(" | – | – | – | 0 | 255 |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OverBudget_NamesRegistersAndSpills()
    {
        var registers = Assert.Single(Run([new("test.cu", "large", 40) { Architectures = ["sm_90a"] }]));
        Assert.Contains("registers are more than the budget of 40", Assert.Single(registers.Problems), StringComparison.Ordinal);

        KernelVariant narrow = new("test.cu", "large", 32) { Architectures = ["sm_90a"], Options = ["--maxrregcount=32"] };
        var spills = Assert.Single(Run([narrow]));
        Assert.Contains("bytes of spill stores", Assert.Single(spills.Problems), StringComparison.Ordinal);
        Assert.Contains("spills", KernelGate.Table([spills], new(12, 4)), StringComparison.Ordinal);
        Assert.Empty(Assert.Single(Run([narrow with { SpillBytes = 1024 }])).Problems);
    }

    [Fact]
    public void Run_BudgetOfOneArchitecture_CountsThereOnly()
    {
        var rows = Run([new("test.cu", "large", 255)
        {
            Architectures = ["sm_80", "sm_89"],
            RegistersOf = new Dictionary<string, int> { ["sm_89"] = 16 },
        }]);
        Assert.Empty(rows[0].Problems);
        Assert.Single(rows[1].Problems);
    }

    [Fact]
    public void Run_DoesNotCompile_IsAProblemOfEveryKernelInTheUnit()
    {
        var rows = new KernelGate(Compiler(),
            variant => new KernelSource("extern \"C\" __global__ void small() { nothing(); }", variant.Entry))
            .Run([new("test.cu", "small", 32) { Architectures = ["sm_80"] }]);
        Assert.Contains("identifier \"nothing\" is undefined", Assert.Single(Assert.Single(rows).Problems),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Forgotten_FileWithoutVariant_IsNamed() =>
        Assert.Equal(["b.cu"], KernelGate.Forgotten(["a.cu", "b.cu"], [new("a.cu", "kernel", 32)]));

    private static IReadOnlyList<GateRow> Run(IReadOnlyList<KernelVariant> variants) =>
        new KernelGate(Compiler(),
            variant => new KernelSource(Text, variant.Entry) { Name = variant.File, Options = variant.Options }).Run(variants);

    private static KernelCompiler Compiler()
    {
        if (CudaLibraries.Machine.Find(CudaComponent.Nvrtc) is null) Assert.Skip("NVRTC is not installed.");
        return new();
    }
}
