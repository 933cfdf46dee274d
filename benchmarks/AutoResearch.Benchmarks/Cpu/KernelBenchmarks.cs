using System.Globalization;
using BenchmarkDotNet.Attributes;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>A class of BenchmarkDotNet cases; the peak is measured before and after each of them.</summary>
[Config(typeof(KernelConfig))]
public abstract class KernelBenchmarks
{
    private CpuWork _work = null!;

    [ParamsSource(nameof(Shapes))]
    public KernelShape Shape { get; set; } = null!;

    // Not the abstract member itself: BenchmarkDotNet would find it twice.
    public IEnumerable<KernelShape> Shapes => All;

    protected abstract IEnumerable<KernelShape> All { get; }

    [GlobalSetup]
    public void Setup()
    {
        var words = Shape.Request.Split(' ');
        _work = CpuServer.Create(words[0], [.. words[1..].Select(w => int.Parse(w, CultureInfo.InvariantCulture))])!;
        MeasuredPeaks.Add(Shape);
        Prepare();
        Run();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        MeasuredPeaks.Add(Shape);
        _work.Dispose();
    }

    [Benchmark]
    public void Run() => _work.Run();

    protected void Prepare() => _work.Prepare();
}

/// <summary>Products of the shapes that the two models need, and square ones.</summary>
public class GemmBenchmarks : KernelBenchmarks
{
    protected override IEnumerable<KernelShape> All =>
    [
        KernelShape.Gemm(512, 512, 512, 1), KernelShape.Gemm(1024, 1024, 1024, 1), KernelShape.Gemm(2048, 2048, 2048, 1),
        KernelShape.Gemm(2048, 2048, 2048, 2), KernelShape.Gemm(4096, 768, 256, 2), KernelShape.Gemm(4096, 256, 1024, 2),
        KernelShape.Gemm(4096, 2048, 512, 2), KernelShape.Gemm(512, 512, 2048, 2), KernelShape.Gemm(4096, 64, 512, 1),
    ];
}

/// <summary>Causal attention, forward and backward.</summary>
public class AttentionBenchmarks : KernelBenchmarks
{
    protected override IEnumerable<KernelShape> All =>
        from headDim in (int[])[64, 128]
        from sequence in (int[])[256, 1024, 2048]
        from backward in (bool[])[false, true]
        select KernelShape.Attention(Math.Max(1, 2048 / sequence), sequence, 512 / headDim, headDim, backward);
}

/// <summary>Output layer, bounded logits and cross-entropy with both gradients.</summary>
public class CrossEntropyBenchmarks : KernelBenchmarks
{
    protected override IEnumerable<KernelShape> All =>
        [KernelShape.CrossEntropy(4096, 256, 1024), KernelShape.CrossEntropy(4096, 512, 8192)];
}

/// <summary>Muon and AdamW over all parameters of a model.</summary>
public class OptimizerBenchmarks : KernelBenchmarks
{
    protected override IEnumerable<KernelShape> All =>
        [KernelShape.Optimizer(CpuCases.Small), KernelShape.Optimizer(CpuCases.Large)];

    [IterationSetup]
    public void FillGradients() => Prepare();
}

/// <summary>Forward, backward and optimizers; the column "Allocated" must stay 0.</summary>
public class TrainingStepBenchmarks : KernelBenchmarks
{
    protected override IEnumerable<KernelShape> All => [KernelShape.Step(CpuCases.Small), KernelShape.Step(CpuCases.Large)];
}
