namespace AutoResearch;

/// <summary>
/// Reports the memory of a running program as <c>memory_bytes</c> to those who watch it, when it has changed by
/// more than a hundredth.
/// </summary>
internal sealed class MemoryReport(IProgress<Measurement>? progress, Func<TimeSpan> elapsed)
{
    private long _last;

    public void Add(long bytes)
    {
        if (progress is not IRunSteering || bytes <= 0 || Math.Abs(bytes - _last) <= 0.01 * _last) return;
        _last = bytes;
        progress.Report(new Measurement("memory_bytes", bytes, 0, elapsed()));
    }
}
