using System.Diagnostics;
using AutoResearch.Benchmarks.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// The machine's peak: every thread runs the loop of multiply-adds at the same time, for as long as a kernel is measured, so that
/// whatever else the machine does takes its share from both alike.
/// </summary>
internal sealed class PeakWork(int threads)
{
    /// <summary>Seconds that all threads together need for one GFLOP, measured over this time.</summary>
    public double Measure(double seconds)
    {
        var rates = new double[threads];
        using var start = new Barrier(threads);
        var others = Enumerable.Range(1, threads - 1).Select(i => new Thread(() => Burst(i)) { IsBackground = true }).ToArray();
        foreach (var other in others) other.Start();
        Burst(0);
        foreach (var other in others) other.Join();
        return 1 / rates.Sum();

        void Burst(int i)
        {
            start.SignalAndWait();
            var (began, spent, done) = (Stopwatch.GetTimestamp(), 0.0, 0.0);
            do
            {
                var before = spent;
                var rate = PeakFma.Measure();
                spent = Stopwatch.GetElapsedTime(began).TotalSeconds;
                done += rate * (spent - before);
            }
            while (spent < seconds);
            rates[i] = done / spent;
        }
    }
}
