using System.Security.Cryptography;
using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>
/// A folder of prepared data, each file named by the hash of everything it was made from. It may be deleted at any time and
/// shared by any number of processes: files appear whole or not at all, and a damaged one is made again. When the folder
/// cannot be written, everything still works, only slower. Thread-safe.
/// </summary>
public sealed class DataCache
{
    private const int HashBytes = 32;

    /// <summary>The cache in a folder, which is created when something is stored.</summary>
    public DataCache(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        Directory = Path.GetFullPath(directory);
    }

    /// <summary>
    /// The user's cache: the folder named by the environment variable AUTORESEARCH_CACHE if it is set, else
    /// <c>AutoResearch</c> in the user's local application data, else in the folder for temporary files.
    /// </summary>
    public static DataCache Default
    {
        get
        {
            if (Environment.GetEnvironmentVariable("AUTORESEARCH_CACHE") is { Length: > 0 } named) return new(named);
            var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            return new(Path.Combine(data.Length > 0 ? data : Path.GetTempPath(), "AutoResearch"));
        }
    }

    /// <summary>The folder's full path.</summary>
    public string Directory { get; }

    /// <summary>A file name for what was made from <paramref name="key"/>.</summary>
    internal static string NameFor(string kind, string key, string extension) =>
        $"{kind}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16))}{extension}";

    /// <summary>The content stored under a name, or null when there is none or it cannot be read.</summary>
    internal byte[]? TryRead(string name)
    {
        try
        {
            var path = Path.Combine(Directory, name);
            return File.Exists(path) ? File.ReadAllBytes(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal bool TryWrite(string name, params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        try
        {
            // Prepared data is a copy of the user's text: nobody else's business.
            if (OperatingSystem.IsWindows()) System.IO.Directory.CreateDirectory(Directory);
            else System.IO.Directory.CreateDirectory(Directory,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            AtomicFile.Write(Path.Combine(Directory, name), parts);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads a file written by <see cref="TryWriteChecked"/>; null when it is missing or damaged.</summary>
    internal ReadOnlyMemory<byte>? TryReadChecked(string name)
    {
        var content = TryRead(name);
        if (content is null || content.Length < HashBytes) return null;
        var payload = content.AsMemory(0, content.Length - HashBytes);
        if (!SHA256.HashData(payload.Span).AsSpan().SequenceEqual(content.AsSpan(payload.Length))) return null;
        return payload;
    }

    /// <summary>Stores the parts followed by their SHA-256.</summary>
    internal bool TryWriteChecked(string name, params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts) hash.AppendData(part.Span);
        return TryWrite(name, [.. parts, hash.GetHashAndReset()]);
    }
}
