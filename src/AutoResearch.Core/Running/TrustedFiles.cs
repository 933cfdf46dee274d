using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>Files and directories that a score depends on, by their full paths, with the hashes of all that is in them.</summary>
internal sealed class TrustedFiles
{
    private readonly SortedDictionary<string, string> _entries = new(StringComparer.Ordinal);

    private TrustedFiles()
    {
    }

    /// <exception cref="IOException">One of them cannot be read.</exception>
    public static TrustedFiles Read(IEnumerable<string> paths)
    {
        var files = new TrustedFiles();
        foreach (var path in paths.Select(Path.GetFullPath))
        {
            if (new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) is { } target)
                files._entries[path + " ->"] = target.FullName;
            if (Directory.Exists(path))
            {
                foreach (var (name, hash) in FileManifest.Of(path).Entries) files._entries[$"{path}/{name}"] = hash;
            }
            else if (File.Exists(path))
            {
                files._entries[path] = FileManifest.Hash(new FileInfo(path));
            }
        }

        return files;
    }

    /// <summary>The hash of all paths and contents.</summary>
    /// <param name="relativeTo">A directory whose name is left out of the paths; null for none.</param>
    public string Digest(string? relativeTo = null) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n',
            _entries.Select(e => $"{(relativeTo is null ? e.Key : Path.GetRelativePath(relativeTo, e.Key))}\0{e.Value}")))));

    /// <summary>
    /// Null when all is as it was, otherwise what happened to the first file that is not. A new file counts: beside an evaluator
    /// it may be loaded in the place of another.
    /// </summary>
    public string? FirstDifference(TrustedFiles later)
    {
        foreach (var (path, hash) in _entries)
        {
            if (!later._entries.TryGetValue(path, out var now)) return $"'{path}' was deleted";
            if (now != hash) return $"'{path}' was changed";
        }

        return later._entries.Keys.FirstOrDefault(path => !_entries.ContainsKey(path)) is { } added
            ? $"'{added}' was added"
            : null;
    }
}
