using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Sees memory that creeps up and will not last to the end of the budget: a straight line through the second half of what was
/// measured crosses the limit before the end, and the growth goes on. It looks at <c>memory_bytes</c> and at metrics in megabytes
/// such as <c>memory_mb</c> and <c>peak_vram_mb</c>.
/// </summary>
public sealed class MemoryMonitor : IRunMonitor
{
    private const int Least = 16;
    private const int Most = 512;
    private readonly long? _limit;

    /// <summary>Creates the monitor.</summary>
    /// <param name="limitBytes">The limit in bytes; null (the default) for that of the budget, without which
    /// nothing is watched.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limitBytes"/> is not positive.</exception>
    public MemoryMonitor(long? limitBytes = null)
    {
        if (limitBytes is { } limit) ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit, nameof(limitBytes));
        _limit = limitBytes;
    }

    /// <inheritdoc/>
    public RunWatch? Watch(MonitoredRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if ((_limit ?? run.Experiment.Budget.MemoryBytes) is not { } limit) return null;
        var points = new List<(double At, double Bytes)>();
        return m =>
        {
            if (Bytes(m) is not { } bytes || m.Progress is not { } at) return null;
            points.Add((at, bytes));
            if (points.Count < Least || at < 0.1) return null;
            if (points.Count > Most) points.RemoveAll(p => p.At < at / 2);
            var late = points.FindAll(p => p.At >= at / 2);
            var end = late.FindAll(p => p.At >= 0.75 * at);
            if (late.Count < Least / 2 || end.Count < Least / 4) return null;
            var (slope, recent) = (Slope(late), Slope(end));
            var expected = bytes + (slope * (1 - at));
            return slope <= 0 || recent < 0.5 * slope || expected <= limit
                ? null
                : new(MonitorSignalKind.Memory, string.Create(CultureInfo.InvariantCulture,
                    $"memory grows steadily: {bytes / 1048576:F0} MiB at {at:P0} of the budget, "
                    + $"about {expected / 1048576:F0} MiB at its end, more than the limit of {limit >> 20} MiB"));
        };
    }

    private static double? Bytes(Measurement m) => m.Metric switch
    {
        "memory_bytes" => m.Value,
        "memory_mb" or "peak_memory_mb" or "peak_vram_mb" => m.Value * 1048576,
        _ => null,
    };

    private static double Slope(List<(double At, double Bytes)> points)
    {
        var (x, y) = (points.Average(p => p.At), points.Average(p => p.Bytes));
        var spread = points.Sum(p => (p.At - x) * (p.At - x));
        return spread > 0 ? points.Sum(p => (p.At - x) * (p.Bytes - y)) / spread : 0;
    }
}
