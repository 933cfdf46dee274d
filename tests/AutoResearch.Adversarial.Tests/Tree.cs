using System.Diagnostics;
using System.Security.Cryptography;

namespace AutoResearch.Adversarial.Tests;

/// <summary>Directories that programs may have made a mess of.</summary>
internal static class Tree
{
    public static void Remove(string directory)
    {
        if (!Directory.Exists(directory)) return;
        // rm goes where paths are too long for others.
        using var rm = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", "chmod -R u+rwX \"$0\" 2>/dev/null; rm -rf \"$0\"", directory]))!;
        rm.WaitForExit();
    }

    /// <summary>Every file and link with a hash of its content, mode included.</summary>
    public static Dictionary<string, string> Manifest(params IEnumerable<string> directories)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in directories.SelectMany(d =>
            new DirectoryInfo(d).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)))
        {
            var mode = OperatingSystem.IsWindows() ? "" : file.UnixFileMode.ToString();
            files[file.FullName] = mode + (file.LinkTarget ?? (file is FileInfo { Length: > 0 } real
                ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(real.FullName)))
                : "empty"));
        }

        return files;
    }

    public static IEnumerable<string> Differences(Dictionary<string, string> before, Dictionary<string, string> after) =>
        before.Keys.Union(after.Keys).Where(path => before.GetValueOrDefault(path) != after.GetValueOrDefault(path))
            .Order(StringComparer.Ordinal);
}
