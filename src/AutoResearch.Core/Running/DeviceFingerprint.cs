using System.Globalization;
using System.Runtime.InteropServices;

namespace AutoResearch;

/// <summary>Describes the machine that a run is made on, for <see cref="RunResult.Device"/>. Thread-safe.</summary>
public static class DeviceFingerprint
{
    /// <summary>
    /// Reads the machine as it is now: <c>cpu</c> (model), <c>cores</c> (logical processors that this process may use),
    /// <c>os</c>, <c>runtime</c> and, on Linux as far as the system shows them: <c>load</c> (average of the last minute),
    /// <c>clock</c> and <c>clock_max</c> (MHz, mean of the processors), <c>throttled</c> (how often the processors were slowed
    /// down for their heat since the start of the system), <c>gpu</c> and <c>driver</c> (NVIDIA). What cannot
    /// be read is left out.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Read() => Read("/");

    /// <summary>The same with /proc and /sys below another directory.</summary>
    internal static IReadOnlyDictionary<string, string> Read(string root)
    {
        var device = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["cores"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
            ["os"] = RuntimeInformation.OSDescription,
            ["runtime"] = RuntimeInformation.FrameworkDescription,
        };
        var system = new SystemFiles(root);
        var cpu = OperatingSystem.IsLinux()
            ? system.FirstLine("proc/cpuinfo", line => line.StartsWith("model name", StringComparison.Ordinal))
                ?.Split(':', 2)[^1].Trim()
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        device["cpu"] = string.IsNullOrEmpty(cpu) ? RuntimeInformation.ProcessArchitecture.ToString() : cpu;
        if (!OperatingSystem.IsLinux()) return device;
        if (system.FirstLine("proc/loadavg")?.Split(' ')[0] is { Length: > 0 } load) device["load"] = load;
        Add("clock", system.Clock("scaling_cur_freq") / 1000);
        Add("clock_max", system.Clock("cpuinfo_max_freq") / 1000);
        Add("throttled", system.Throttled());
        var gpus = system.Directories("proc/driver/nvidia/gpus")
            .Select(d => system.FirstLine(Path.Combine(d, "information"), l => l.StartsWith("Model:", StringComparison.Ordinal))
                ?.Split(':', 2)[^1].Trim()).OfType<string>().ToArray();
        if (gpus.Length > 0)
            device["gpu"] = string.Join(", ",
                gpus.GroupBy(g => g).Select(g => g.Count() == 1 ? g.Key : FormattableString.Invariant($"{g.Count()} × {g.Key}")));
        if (system.FirstLine("proc/driver/nvidia/version") is { } driver)
            device["driver"] = driver.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .FirstOrDefault(w => Version.TryParse(w, out _)) ?? driver;
        return device;

        void Add(string name, double? value)
        {
            if (value is { } number) device[name] = number.ToString("F0", CultureInfo.InvariantCulture);
        }
    }
}
