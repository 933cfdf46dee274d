using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// The machine's peak: every thread runs the loop of multiply-adds at the same time, for as long as a kernel is measured, so that
/// whatever else the machine does takes its share from both alike.
/// </summary>
internal sealed class PeakWork(int threads)
{
    /// <summary>Seconds that all threads together need for one GFLOP, measured over this time.</summary>
    public double Measure(double seconds) => 1 / CpuPeak.Measure(threads, TimeSpan.FromSeconds(seconds));
}
