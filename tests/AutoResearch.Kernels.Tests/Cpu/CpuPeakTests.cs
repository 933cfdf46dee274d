using System.Diagnostics;

namespace AutoResearch.Kernels.Tests;

public sealed class CpuPeakTests
{
    [Fact]
    public unsafe void Measure_OneThread_NoKernelIsFaster()
    {
        const int size = 256;
        float[] a = new float[size * size], b = new float[size * size], c = new float[size * size];
        using var team = new ThreadTeam(1);
        using var scratch = new ScratchBuffer();
        var (peak, best) = (0.0, 0.0);
        fixed (float* pa = a, pb = b, pc = c)
        {
            for (var i = 0; i < 20; i++)
            {
                // Turn by turn and the best of each, so that other processes disturb both alike.
                peak = Math.Max(peak, CpuPeak.Measure(1, TimeSpan.FromMilliseconds(2)));
                var watch = Stopwatch.StartNew();
                Gemm.Run(team, scratch.Take(Gemm.ScratchLength(size, size, size)), pa, size, 1, pb, size, 1, pc, size, size,
                    size, false);
                best = Math.Max(best, 2.0 * size * size * size / watch.Elapsed.TotalSeconds / 1e9);
            }
        }

        Assert.InRange(peak, best * 0.9, 2000);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1025)]
    public void Measure_ImpossibleThreads_NamesTheRange(int threads)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => CpuPeak.Measure(threads));
        Assert.Contains("1 to 1024", e.Message, StringComparison.Ordinal);
    }
}
