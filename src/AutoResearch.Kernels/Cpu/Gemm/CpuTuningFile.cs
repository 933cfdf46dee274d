using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AutoResearch.Kernels;

/// <summary>
/// Kernel settings that were tuned for this machine, one small JSON file for each kind of machine, so that a home directory may
/// be shared. <see cref="CpuBackend"/> picks them up. A file that is damaged, or made for another machine, counts
/// as none. Thread-safe.
/// </summary>
public static class CpuTuningFile
{
    /// <summary>
    /// The file of this machine: in the folder named by the environment variable AUTORESEARCH_CACHE if it is set, else in
    /// <c>AutoResearch</c> in the user's local application data, else in the folder for temporary files.
    /// </summary>
    public static string DefaultPath
    {
        get
        {
            var directory = Environment.GetEnvironmentVariable("AUTORESEARCH_CACHE");
            if (string.IsNullOrEmpty(directory))
            {
                var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
                directory = Path.Combine(data.Length > 0 ? data : Path.GetTempPath(), "AutoResearch");
            }

            return Path.Combine(directory,
                $"cpu-tuning-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Machine)).AsSpan(0, 8))}.json");
        }
    }

    /// <summary>What the settings are good for: processor, number of processors, widest tile.</summary>
    public static string Machine { get; } = $"{Processor()}, {Environment.ProcessorCount} processors, {CpuTuning.Default.Tile}";

    /// <summary>The settings saved for this machine; null when there are none that it can use.</summary>
    /// <param name="path">The file; <see cref="DefaultPath"/> by default.</param>
    public static CpuTuning? Load(string? path = null)
    {
        try
        {
            path ??= DefaultPath;
            if (!File.Exists(path)) return null;
            var content = JsonSerializer.Deserialize(File.ReadAllBytes(path), CpuTuningJson.Default.CpuTuningRecord);
            return content?.Machine == Machine ? content.Tuning.Validate() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            return null; // slower, not wrong
        }
    }

    /// <summary>Saves settings for this machine. The file appears complete or not at all.</summary>
    /// <param name="tuning">The settings.</param>
    /// <param name="path">The file, replaced if it exists; <see cref="DefaultPath"/> by default.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="ArgumentException">This machine cannot compute with the settings.</exception>
    public static string Save(CpuTuning tuning, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(tuning);
        tuning.Validate();
        path = Path.GetFullPath(path ?? DefaultPath);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var content = JsonSerializer.SerializeToUtf8Bytes(new CpuTuningRecord(Machine, tuning),
            CpuTuningJson.Default.CpuTuningRecord);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }

        return path;
    }

    private static string Processor()
    {
        try
        {
            if (OperatingSystem.IsLinux() && File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) is { } line)
                return line.Split(':', 2)[^1].Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Sandboxes may hide it.
        }

        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
