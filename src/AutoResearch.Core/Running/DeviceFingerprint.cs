using System.Globalization;
using System.Runtime.InteropServices;

namespace AutoResearch;

/// <summary>Describes the machine that a run is made on, for <see cref="RunResult.Device"/>. Thread-safe.</summary>
public static class DeviceFingerprint
{
    /// <summary>
    /// Reads the machine as it is now: <c>cpu</c> (model), <c>cores</c> (logical processors that this process may use),
    /// <c>os</c>, <c>runtime</c> and, on Linux, <c>load</c> (average of the last minute). What cannot be read is left out.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Read()
    {
        var device = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["cores"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
            ["os"] = RuntimeInformation.OSDescription,
            ["runtime"] = RuntimeInformation.FrameworkDescription,
        };
        var cpu = OperatingSystem.IsLinux()
            ? FirstLine("/proc/cpuinfo", line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim()
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        device["cpu"] = string.IsNullOrEmpty(cpu) ? RuntimeInformation.ProcessArchitecture.ToString() : cpu;
        if (OperatingSystem.IsLinux() && FirstLine("/proc/loadavg", _ => true)?.Split(' ')[0] is { Length: > 0 } load)
            device["load"] = load;
        return device;
    }

    private static string? FirstLine(string path, Func<string, bool> wanted)
    {
        try { return File.ReadLines(path).FirstOrDefault(wanted); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; } // sandboxes may hide /proc
    }
}
