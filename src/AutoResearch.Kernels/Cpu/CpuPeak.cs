using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>
/// The single-precision peak of this machine's processor, measured with twelve independent chains of fused multiply-adds a
/// thread, in registers only and with the widest vectors there are. What a training run reaches of it is its
/// <c>mfu_percent</c>. Thread-safe.
/// </summary>
public static class CpuPeak
{
    private const int Repeats = 5;

    /// <summary>
    /// What the machine can do: the best of five measurements of 20 ms, so that a short disturbance does not lower it.
    /// </summary>
    /// <param name="threads">How many threads compute at the same time, 1 to 1024.</param>
    /// <returns>GFLOP/s of all threads together.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is out of range.</exception>
    public static double Measure(int threads) =>
        Enumerable.Range(0, Repeats).Max(_ => Measure(threads, TimeSpan.FromMilliseconds(20)));

    /// <summary>
    /// What the machine gives just now: the mean over a stretch of time, with all that other processes take. Set against a kernel
    /// measured beside it, the disturbance is the same for both.
    /// </summary>
    /// <param name="threads">How many threads compute at the same time, 1 to 1024.</param>
    /// <param name="duration">How long each of them computes at least.</param>
    /// <returns>GFLOP/s of all threads together.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> or <paramref name="duration"/> is out
    /// of range.</exception>
    public static double Measure(int threads, TimeSpan duration)
    {
        if (threads is < 1 or > 1024)
            throw new ArgumentOutOfRangeException(nameof(threads), threads, "The number of threads must be 1 to 1024.");
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        Burst(); // compiles
        var rates = new double[threads];
        using var start = new Barrier(threads);
        var others = Enumerable.Range(1, threads - 1).Select(i => new Thread(() => Compute(i)) { IsBackground = true }).ToArray();
        foreach (var other in others) other.Start();
        Compute(0);
        foreach (var other in others) other.Join();
        return rates.Sum();

        void Compute(int thread)
        {
            start.SignalAndWait();
            var (watch, operations) = (Stopwatch.StartNew(), 0.0);
            do operations += Burst();
            while (watch.Elapsed < duration);
            rates[thread] = operations / watch.Elapsed.TotalSeconds / 1e9;
        }
    }

    /// <summary>Some microseconds of work; returns its floating-point operations.</summary>
    private static double Burst()
    {
        const long steps = 20_000;
        var wide = Vector512.IsHardwareAccelerated;
        GC.KeepAlive(wide ? Chains512(steps) : Chains256(steps));
        return steps * 12.0 * 2 * (wide ? 16 : 8);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains512(long steps)
    {
        Vector512<float> s = Vector512.Create(0.999f), t = Vector512.Create(0.001f);
        Vector512<float> a0 = s, a1 = s, a2 = s, a3 = s, a4 = s, a5 = s, a6 = s, a7 = s, a8 = s, a9 = s, a10 = s, a11 = s;
        for (long i = 0; i < steps; i++)
        {
            a0 = Vector512.FusedMultiplyAdd(s, t, a0);
            a1 = Vector512.FusedMultiplyAdd(s, t, a1);
            a2 = Vector512.FusedMultiplyAdd(s, t, a2);
            a3 = Vector512.FusedMultiplyAdd(s, t, a3);
            a4 = Vector512.FusedMultiplyAdd(s, t, a4);
            a5 = Vector512.FusedMultiplyAdd(s, t, a5);
            a6 = Vector512.FusedMultiplyAdd(s, t, a6);
            a7 = Vector512.FusedMultiplyAdd(s, t, a7);
            a8 = Vector512.FusedMultiplyAdd(s, t, a8);
            a9 = Vector512.FusedMultiplyAdd(s, t, a9);
            a10 = Vector512.FusedMultiplyAdd(s, t, a10);
            a11 = Vector512.FusedMultiplyAdd(s, t, a11);
        }

        return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11)[0];
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chains256(long steps)
    {
        Vector256<float> s = Vector256.Create(0.999f), t = Vector256.Create(0.001f);
        Vector256<float> a0 = s, a1 = s, a2 = s, a3 = s, a4 = s, a5 = s, a6 = s, a7 = s, a8 = s, a9 = s, a10 = s, a11 = s;
        for (long i = 0; i < steps; i++)
        {
            a0 = Vector256.FusedMultiplyAdd(s, t, a0);
            a1 = Vector256.FusedMultiplyAdd(s, t, a1);
            a2 = Vector256.FusedMultiplyAdd(s, t, a2);
            a3 = Vector256.FusedMultiplyAdd(s, t, a3);
            a4 = Vector256.FusedMultiplyAdd(s, t, a4);
            a5 = Vector256.FusedMultiplyAdd(s, t, a5);
            a6 = Vector256.FusedMultiplyAdd(s, t, a6);
            a7 = Vector256.FusedMultiplyAdd(s, t, a7);
            a8 = Vector256.FusedMultiplyAdd(s, t, a8);
            a9 = Vector256.FusedMultiplyAdd(s, t, a9);
            a10 = Vector256.FusedMultiplyAdd(s, t, a10);
            a11 = Vector256.FusedMultiplyAdd(s, t, a11);
        }

        return (a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11)[0];
    }
}
