using System.Globalization;
using System.Runtime.InteropServices;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The example of docs/cuda.md, on the fake GPU.</summary>
public sealed unsafe class CudaGuideTests
{
    [Fact]
    public void KernelsAsHypotheses_AsInTheGuide_Works()
    {
        Assert.SkipWhen(CudaLibraries.Machine.Find(CudaComponent.Nvrtc) is null, "NVRTC is not installed.");
        using var cuda = new FakeCuda();
        cuda.Kernel("relu_squared", "ppi", &ReluSquared);

        const int n = 1 << 12;
        var x = Enumerable.Range(0, n).Select(i => i / (float)n).ToArray();
        var task = new KernelTask
        {
            Name = "relu squared",
            Buffers = [KernelTaskBuffer.Input("x", x), KernelTaskBuffer.Output("y", n)],
            Launch = run =>
            {
                var block = int.Parse(run.Source.Defines["BLOCK"], CultureInfo.InvariantCulture);
                run.Kernel.Launch(run.Stream, new CudaLaunch((n + block - 1) / block, block), run.Buffer("x"),
                    run.Buffer("y"), n);
            },
            Reference = buffers =>
            {
                for (var i = 0; i < n; i++) buffers[1][i] = MathF.Pow(MathF.Max(buffers[0][i], 0), 2);
            },
            Bytes = 8.0 * n,
        };
        var source = new KernelSource("""
            extern "C" __global__ void relu_squared(const float* x, float* y, int n)
            {
                int i = blockIdx.x * BLOCK + threadIdx.x;
                if (i < n) { float v = x[i] > 0 ? x[i] : 0; y[i] = v * v; }
            }
            """, "relu_squared");

        using var device = cuda.Open();
        var bench = new KernelBench(device);
        var trials = bench.Try(task, [.. new[] { "64", "256", "1024" }.Select(block =>
            source with { Defines = new Dictionary<string, string> { ["BLOCK"] = block } })]);

        Assert.All(trials, trial => Assert.Equal((KernelOutcome.Completed, ""), (trial.Outcome, trial.Message)));
        Assert.All(trials, trial => Assert.InRange(trial.SpeedUp, 0.99, 1.01));
    }

    [UnmanagedCallersOnly]
    private static void ReluSquared(void** parameters, uint* shape)
    {
        float* x = *(float**)parameters[0], y = *(float**)parameters[1];
        var n = *(int*)parameters[2];
        for (var i = 0; i < Math.Min(n, (int)(shape[0] * shape[3])); i++) y[i] = x[i] > 0 ? x[i] * x[i] : 0;
    }
}
