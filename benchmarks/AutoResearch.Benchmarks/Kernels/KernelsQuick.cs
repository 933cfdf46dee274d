using System.Diagnostics;
using System.Globalization;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Kernels;

/// <summary>
/// GFLOP/s and share of the peak of the same moments: bursts of kernel and peak loop alternate, medians are printed.
/// </summary>
internal static unsafe class KernelsQuick
{
    private const int Bursts = 15;

    // kernels-quick [gemm | attention [queries keys backwardQueries backwardKeys]]
    public static Task<int> RunAsync(string[] args)
    {
        if (args is not ["gemm", ..])
        {
            var sizes = args is [_, _, _, _, _]
                ? Array.ConvertAll(args[1..], s => int.Parse(s, CultureInfo.InvariantCulture))
                : [];
            AttentionQuick.Run(sizes is [var q, var k, var backwardQ, var backwardK]
                ? CpuTuning.Default with
                {
                    AttentionQueries = q,
                    AttentionKeys = k,
                    AttentionBackwardQueries = backwardQ,
                    AttentionBackwardKeys = backwardK,
                }
                : CpuTuning.Default, Bursts);
        }

        if (args is not ["attention", ..]) Products();
        return Task.FromResult(0);
    }

    private static void Products()
    {
        Console.WriteLine($"{CpuTuning.Default}");
        int[] sizes = [512, 1024, 2048];
        foreach (var size in sizes) Measure(size, size, size);
        Measure(4096, 64, 512);
    }

    private static void Measure(int m, int n, int k)
    {
        float[] a = Fill(m * k, 1), b = Fill(k * n, 2), c = new float[m * n],
            scratch = new float[Gemm.ScratchLength(m, n, k) + 16];
        using ThreadTeam one = new(1), two = new(2);
        List<double> peaks = [], singles = [], doubles = [], transposed = [];
        var repeats = (int)Math.Max(1, 2e9 / (2.0 * m * n * k));
        var work = 2e-9 * m * n * k * repeats;
        fixed (float* pa = a, pb = b, pc = c, ps = scratch)
        {
            var aligned = (float*)(((nuint)ps + 63) & ~(nuint)63);
            for (var i = -2; i < Bursts; i++)
            {
                var peak = CpuPeak.Measure(1, TimeSpan.FromMilliseconds(2));
                var watch = Stopwatch.StartNew();
                for (var r = 0; r < repeats; r++) Gemm.Run(one, aligned, pa, k, 1, pb, n, 1, pc, m, n, k, false);
                var single = work / watch.Elapsed.TotalSeconds;
                watch.Restart();
                for (var r = 0; r < repeats; r++) Gemm.Run(one, aligned, pa, k, 1, pb, 1, k, pc, m, n, k, false);
                var nt = work / watch.Elapsed.TotalSeconds;
                watch.Restart();
                for (var r = 0; r < repeats; r++) Gemm.Run(two, aligned, pa, k, 1, pb, n, 1, pc, m, n, k, false);
                var pair = work / watch.Elapsed.TotalSeconds;
                if (i < 0) continue;
                peaks.Add(peak);
                singles.Add(single);
                transposed.Add(nt);
                doubles.Add(pair);
            }
        }

        double top = Median(peaks), x1 = Median(singles), x2 = Median(doubles), xt = Median(transposed);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"gemm {m}x{n}x{k}: peak {top:F0}, NN {x1:F0} GFLOP/s = {x1 / top:P0}, NT {xt:F0} = {xt / top:P0}, "
            + $"two threads {x2 / x1:F2}x"));
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    private static float[] Fill(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = random.NextSingle() - 0.5f;
        return values;
    }
}
