using AutoResearch.Benchmarks.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The machine's peak: every thread runs the loop of multiply-adds at the same time. A "call" is one GFLOP.</summary>
internal sealed class PeakWork(int threads)
{
    /// <summary>Seconds of one GFLOP with all threads together.</summary>
    public double Measure()
    {
        if (threads == 1) return 1 / PeakFma.Measure();
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
            rates[i] = PeakFma.Measure();
        }
    }
}
