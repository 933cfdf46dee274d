using System.Globalization;

namespace AutoResearch;

/// <summary>Reads what Linux tells of itself in /proc and /sys; null wherever it is hidden or not there.</summary>
internal sealed class SystemFiles(string root)
{
    private const string Processors = "sys/devices/system/cpu";

    /// <summary>The first line of a file, or the first that is wanted.</summary>
    public string? FirstLine(string path, Func<string, bool>? wanted = null)
    {
        try { return File.ReadLines(Path.Combine(root, path)).FirstOrDefault(wanted ?? (_ => true)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; } // sandboxes hide them
    }

    public IReadOnlyList<string> Directories(string path)
    {
        try { return [.. Directory.EnumerateDirectories(Path.Combine(root, path)).Order(StringComparer.Ordinal)]; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return []; }
    }

    /// <summary>The mean of a clock file over all processors, in kHz.</summary>
    public double? Clock(string file)
    {
        double[] values = [.. PerProcessor($"cpufreq/{file}")];
        return values.Length == 0 ? null : values.Average();
    }

    /// <summary>How often processors were slowed down for their heat, over all of them.</summary>
    public double? Throttled()
    {
        double[] values = [.. PerProcessor("thermal_throttle/core_throttle_count")];
        return values.Length == 0 ? null : values.Sum();
    }

    /// <summary>
    /// Processor time since the start of the system, in ticks: of work, of other guests of the host, and altogether.
    /// </summary>
    public (double Busy, double Stolen, double All)? ProcessorTime()
    {
        // cpu user nice system idle iowait irq softirq steal guest guest_nice; guests are counted in user already
        if (FirstLine("proc/stat")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not ["cpu", .. var fields]
            || fields.Length < 8)
            return null;
        var ticks = new double[8];
        for (var i = 0; i < ticks.Length; i++)
        {
            if (!double.TryParse(fields[i], CultureInfo.InvariantCulture, out ticks[i])) return null;
        }
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], ticks[7], ticks.Sum());
    }

    private IEnumerable<double> PerProcessor(string file) =>
        from directory in Directories(Processors)
        where Path.GetFileName(directory) is ['c', 'p', 'u', >= '0' and <= '9', ..]
        let line = FirstLine(Path.Combine(directory, file))
        where line is not null
        let value = double.TryParse(line, CultureInfo.InvariantCulture, out var number) ? number : double.NaN
        where double.IsFinite(value)
        select value;
}
