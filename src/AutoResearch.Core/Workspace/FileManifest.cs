using System.Globalization;
using System.Security.Cryptography;

namespace AutoResearch;

/// <summary>
/// What files and links stand below a directory, by path, with the hashes of their contents. Links are not followed.
/// </summary>
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

    /// <summary>Paths with the hashes of files and the targets of links.</summary>
    public IReadOnlyDictionary<string, string> Entries => _files;

    /// <summary>
    /// Null when every file of this manifest is below the directory unchanged, otherwise what happened to the first that is not.
    /// What a program has added is not looked at: it may be endless.
    /// </summary>
    public string? FirstDifference(string directory)
    {
        foreach (var (path, hash) in _files)
        {
            string? now;
            try
            {
                now = Of(directory, path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"the run changed '{path}', which cannot be read now";
            }

            if (now is null) return $"the run deleted '{path}'";
            if (now != hash)
                return now.StartsWith("link", StringComparison.Ordinal)
                    ? $"the run put a link in the place of '{path}'"
                    : $"the run changed '{path}'";
        }

        return null;
    }

    // A link anywhere on the way is a change: what it leads to is not the file.
    private static string? Of(string directory, string path)
    {
        var (at, parts) = (directory, path.Split('/'));
        foreach (var part in parts.SkipLast(1))
        {
            at = Path.Combine(at, part);
            if (new DirectoryInfo(at) is not { Exists: true, LinkTarget: null }) return null;
        }

        var file = new FileInfo(Path.Combine(at, parts[^1]));
        if (file.LinkTarget is { } target) return $"link {target}";
        return file.Exists ? Hash(file) : null;
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

    /// <summary>Mode and content of a file.</summary>
    public static string Hash(FileInfo file)
    {
        var mode = OperatingSystem.IsWindows() ? "" : ((int)file.UnixFileMode).ToString("X", CultureInfo.InvariantCulture) + ":";
        // A named pipe would never end; it has no length, and neither has what is empty anyway.
        if (file.Length == 0) return mode + "empty";
        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return mode + Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
