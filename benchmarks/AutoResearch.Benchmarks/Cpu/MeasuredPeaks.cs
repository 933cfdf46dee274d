using System.Collections.Concurrent;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The peaks that were measured beside each case of a run; the columns read them.</summary>
internal static class MeasuredPeaks
{
    private const int Bursts = 5;
    private const double BurstSeconds = 0.03;
    private static readonly ConcurrentDictionary<KernelShape, ConcurrentBag<double>> s_peaks = new();

    /// <summary>Measures the peak of as many threads as the case has.</summary>
    public static void Add(KernelShape shape)
    {
        var work = new PeakWork(shape.Threads);
        var bag = s_peaks.GetOrAdd(shape, static _ => []);
        for (var i = 0; i < Bursts; i++) bag.Add(1 / work.Measure(BurstSeconds));
    }

    /// <summary>Median peak in GFLOP/s; null when none was measured.</summary>
    public static double? Of(KernelShape shape) =>
        s_peaks.TryGetValue(shape, out var bag) ? RoundStatistics.Quantile([.. bag], 0.5) : null;
}
