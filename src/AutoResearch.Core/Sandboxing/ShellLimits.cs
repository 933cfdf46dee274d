using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Resource limits of the system, set by a shell that the program then takes the place of. A limit that is lower already stays.
/// </summary>
internal static class ShellLimits
{
    /// <summary>The command with its limits.</summary>
    /// <param name="policy">The limits.</param>
    /// <param name="command">The command.</param>
    /// <param name="countsProcesses">True where the system counts the processes of this sandbox only, and not all
    /// of the user's.</param>
    public static IReadOnlyList<string> Wrap(SandboxPolicy policy, SandboxCommand command, bool countsProcesses)
    {
        var limits = new List<string> { "ulimit -c 0" };
        Add("-f", (policy.FileBytes + 511) / 512); // counted in blocks
        Add("-n", policy.OpenFiles);
        Add("-t", policy.CpuTime is { } time ? Math.Max(1, (long)time.TotalSeconds) : null);
        if (OperatingSystem.IsLinux()) Add("-d", policy.MemoryBytes / 1024);
        if (countsProcesses && policy.Processes is { } count)
            limits.Add(string.Create(CultureInfo.InvariantCulture,
                $"ulimit -u {count} 2>/dev/null || ulimit -p {count} 2>/dev/null || :"));
        return ["/bin/sh", "-c", $"{string.Join("; ", limits)}; exec \"$0\" \"$@\"", command.Program, .. command.Arguments];

        void Add(string option, long? value)
        {
            if (value is { } number)
                limits.Add(string.Create(CultureInfo.InvariantCulture, $"ulimit {option} {number} 2>/dev/null || :"));
        }
    }
}
