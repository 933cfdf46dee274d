using System.Globalization;
using System.Security.Cryptography;

namespace AutoResearch;

/// <summary>What files and links stand below a directory, by path, with the hashes of their contents. Links are not followed.</summary>
internal sealed class FileManifest
{
    private readonly SortedDictionary<string, string> _files;

    private FileManifest(SortedDictionary<string, string> files) => _files = files;

    /// <exception cref="IOException">A file cannot be read.</exception>
    public static FileManifest Of(string directory)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Read(new DirectoryInfo(directory), "", files);
        return new(files);
    }

    /// <summary>Null when every file of this manifest is in the other one unchanged, otherwise what happened to the first that is not.</summary>
    public string? FirstDifference(FileManifest later)
    {
        foreach (var (path, hash) in _files)
        {
            if (!later._files.TryGetValue(path, out var now)) return $"the run deleted '{path}'";
            if (now != hash) return now.StartsWith("link", StringComparison.Ordinal) ? $"the run put a link in the place of '{path}'" : $"the run changed '{path}'";
        }

        return null;
    }

    private static void Read(DirectoryInfo directory, string prefix, SortedDictionary<string, string> files)
    {
        foreach (var entry in directory.EnumerateFileSystemInfos())
        {
            var path = prefix + entry.Name;
            if (entry.LinkTarget is { } target) files.Add(path, $"link {target}");
            else if (entry is DirectoryInfo folder) Read(folder, path + "/", files);
            else files.Add(path, Hash((FileInfo)entry));
        }
    }

    private static string Hash(FileInfo file)
    {
        var mode = OperatingSystem.IsWindows() ? "" : ((int)file.UnixFileMode).ToString("X", CultureInfo.InvariantCulture) + ":";
        // A named pipe would never end; it has no length, and neither has what is empty anyway.
        if (file.Length == 0) return mode + "empty";
        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return mode + Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
