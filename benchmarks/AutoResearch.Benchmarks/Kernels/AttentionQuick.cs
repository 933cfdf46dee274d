using System.Diagnostics;
using System.Globalization;
using AutoResearch.Benchmarks.Cpu;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Kernels;

/// <summary>
/// Causal attention, forward and backward, as a share of the peak of the same moments: 2048 tokens of 512 channels a call.
/// Counted as 2 · B · H · T² · D floating-point operations forward, 2.5 times as many backward.
/// </summary>
internal static class AttentionQuick
{
    public static void Run(CpuTuning tuning, int bursts)
    {
        Console.WriteLine(tuning);
        foreach (var dim in (int[])[64, 128])
            foreach (var sequence in (int[])[256, 512, 1024, 2048])
                Measure(sequence, dim, tuning, bursts);
    }

    private static void Measure(int sequence, int dim, CpuTuning tuning, int bursts)
    {
        int batch = 2048 / sequence, heads = 512 / dim;
        using AttentionWork forward = Work(1, false), forwardPair = Work(2, false), backward = Work(1, true),
            backwardPair = Work(2, true);
        List<double> peaks = [], shares = [], backwardShares = [], speedups = [], backwardSpeedups = [];
        for (var i = -2; i < bursts; i++)
        {
            // Each share stands next to the peak of the moments before it.
            var peak = Peak();
            double f1 = Rate(forward, 1), f2 = Rate(forwardPair, 1), peakBackward = Peak(), b1 = Rate(backward, 2.5),
                b2 = Rate(backwardPair, 2.5);
            if (i < 0) continue;
            peaks.Add(peak);
            shares.Add(f1 / peak);
            backwardShares.Add(b1 / peakBackward);
            speedups.Add(f2 / f1);
            backwardSpeedups.Add(b2 / b1);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"attention D={dim} T={sequence}: peak {Median(peaks):F0}, forward {Median(shares):P0}, "
            + $"backward {Median(backwardShares):P0}, two threads {Median(speedups):F2}x, {Median(backwardSpeedups):F2}x"));

        AttentionWork Work(int threads, bool gradient) => new(batch, sequence, heads, dim, threads, gradient, tuning);

        double Rate(AttentionWork work, double factor)
        {
            // Enough calls for some 20 ms.
            var (watch, calls) = (Stopwatch.StartNew(), Math.Max(1, 1024 / sequence));
            for (var call = 0; call < calls; call++) work.Run();
            return factor * calls * 2e-9 * batch * heads * sequence * sequence * dim / watch.Elapsed.TotalSeconds;
        }
    }

    private static double Peak() => CpuPeak.Measure(1, TimeSpan.FromMilliseconds(10));

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
