using System.Globalization;

namespace AutoResearch;

/// <summary>
/// What others did to the machine while a run was made: processor time of other programs, time that the host of a virtual machine
/// took away, and slowing down for heat. Linux only; elsewhere nothing is seen.
/// </summary>
internal sealed class DeviceWatch
{
    private readonly SystemFiles _system;
    private readonly Func<TimeSpan> _ownTime;
    private readonly int _processors;
    private readonly (double Busy, double Stolen, double All)? _start;
    private readonly double? _throttled;
    private readonly TimeSpan _ownStart;

    private DeviceWatch(SystemFiles system, Func<TimeSpan> ownTime, int processors)
    {
        (_system, _ownTime, _processors) = (system, ownTime, processors);
        (_start, _throttled, _ownStart) = (system.ProcessorTime(), system.Throttled(), ownTime());
    }

    public static DeviceWatch Start() => Start("/", () => Environment.CpuUsage.TotalTime, Environment.ProcessorCount);

    /// <param name="root">Where /proc and /sys are.</param>
    /// <param name="ownTime">Processor time of this process.</param>
    /// <param name="processors">How many processors the system's times are of.</param>
    public static DeviceWatch Start(string root, Func<TimeSpan> ownTime, int processors) =>
        new(new SystemFiles(root), ownTime, processors);

    /// <summary>The load from outside, in processors; null when it cannot be told.</summary>
    /// <param name="children">Processor time of the run's other processes.</param>
    /// <param name="elapsed">How long the run took.</param>
    public double? Foreign(TimeSpan children, TimeSpan elapsed)
    {
        if (_start is not { } start || _system.ProcessorTime() is not { } end || end.All <= start.All || elapsed <= TimeSpan.Zero)
            return null;
        var busy = (end.Busy - start.Busy + end.Stolen - start.Stolen) / (end.All - start.All) * _processors;
        var own = (_ownTime() - _ownStart + children) / elapsed;
        return Math.Max(0, busy - own);
    }

    /// <summary>Why the run is thought to have been disturbed; null when nothing was seen.</summary>
    public string? Disturbance(ContentionOptions options, TimeSpan children, TimeSpan elapsed)
    {
        if (elapsed < options.LeastTime) return null; // clock ticks say nothing of a short run
        if (Foreign(children, elapsed) is { } foreign && foreign > options.ForeignLoad * _processors)
            return string.Create(CultureInfo.InvariantCulture, $"other programs used {foreign:0.0} of {_processors} processors");
        return _throttled is { } before && _system.Throttled() is { } after && after - before > options.Throttlings
            ? string.Create(CultureInfo.InvariantCulture,
                $"the processors were slowed down for their heat {after - before:0} times")
            : null;
    }
}
