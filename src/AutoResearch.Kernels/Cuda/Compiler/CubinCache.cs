using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AutoResearch.Kernels;

/// <summary>What the cache keeps of a compilation.</summary>
internal sealed record CachedKernel(ReadOnlyMemory<byte> Cubin, string Log, IReadOnlyDictionary<string, string> LoweredNames);

/// <summary>
/// Compiled kernels in a folder, one file each, named by the hash of all that went into it. A file is the cubin itself, so that
/// NVIDIA's tools read it, followed by log, names, lengths and a checksum. Files appear whole or not at all; a damaged one counts
/// as missing. Every failure of the file system only means that there is no cached kernel.
/// </summary>
internal sealed class CubinCache(string directory, long limitBytes, TimeProvider clock)
{
    private const string Extension = ".cubin";
    private const int LengthBytes = 3 * sizeof(int);
    private const int TrailerBytes = LengthBytes + SHA256.HashSizeInBytes + 8;
    private static readonly TimeSpan OldestTemporary = TimeSpan.FromHours(1);

    private static ReadOnlySpan<byte> Magic => "ARKERNL1"u8;

    private static ReadOnlySpan<byte> Elf => "\u007fELF"u8;

    internal CachedKernel? TryRead(string key)
    {
        var path = PathOf(key);
        try
        {
            if (!File.Exists(path)) return null;
            var bytes = File.ReadAllBytes(path);
            var kernel = Parse(bytes);
            if (kernel is null) File.Delete(path);
            else Touch(path);
            return kernel;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What any version of the compiler made, the newest version first. Names are <c>key-version</c>.</summary>
    internal CachedKernel? TryReadAny(string key)
    {
        try
        {
            if (!Directory.Exists(directory)) return null;
            return Directory.GetFiles(directory, $"{key}-*{Extension}")
                .Select(path => Path.GetFileNameWithoutExtension(path))
                .OrderByDescending(name =>
                    Version.TryParse(name.AsSpan(key.Length + 1), out var version) ? version : new Version(0, 0))
                .Select(TryRead).FirstOrDefault(kernel => kernel is not null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal void Write(string key, CachedKernel kernel)
    {
        string? temporary = null;
        try
        {
            Directory.CreateDirectory(directory);
            temporary = Path.Combine(directory, $"{key}.{Guid.NewGuid():N}.tmp");
            File.WriteAllBytes(temporary, Format(kernel));
            Touch(temporary);
            File.Move(temporary, PathOf(key), overwrite: true);
            Evict(key + Extension);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            if (temporary is not null) TryDelete(temporary);
        }
    }

    private static byte[] Format(CachedKernel kernel)
    {
        var log = Encoding.UTF8.GetBytes(kernel.Log);
        var names = Encoding.UTF8.GetBytes(string.Join('\n', kernel.LoweredNames.Select(n => $"{n.Key}\t{n.Value}")));
        var content = kernel.Cubin.Length + log.Length + names.Length;
        var bytes = new byte[content + TrailerBytes];
        kernel.Cubin.Span.CopyTo(bytes);
        log.CopyTo(bytes, kernel.Cubin.Length);
        names.CopyTo(bytes, kernel.Cubin.Length + log.Length);
        var trailer = bytes.AsSpan(content);
        BinaryPrimitives.WriteInt32LittleEndian(trailer, kernel.Cubin.Length);
        BinaryPrimitives.WriteInt32LittleEndian(trailer[4..], log.Length);
        BinaryPrimitives.WriteInt32LittleEndian(trailer[8..], names.Length);
        SHA256.HashData(bytes.AsSpan(0, content + LengthBytes), trailer[LengthBytes..]);
        Magic.CopyTo(trailer[(LengthBytes + SHA256.HashSizeInBytes)..]);
        return bytes;
    }

    private static CachedKernel? Parse(byte[] bytes)
    {
        var content = bytes.Length - TrailerBytes;
        if (content < 0 || !bytes.AsSpan().StartsWith(Elf)) return null;
        var trailer = bytes.AsSpan(content);
        if (!trailer[(LengthBytes + SHA256.HashSizeInBytes)..].SequenceEqual(Magic)) return null;
        if (!SHA256.HashData(bytes.AsSpan(0, content + LengthBytes)).AsSpan()
            .SequenceEqual(trailer.Slice(LengthBytes, SHA256.HashSizeInBytes))) return null;
        int cubin = BinaryPrimitives.ReadInt32LittleEndian(trailer), log = BinaryPrimitives.ReadInt32LittleEndian(trailer[4..]);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in Encoding.UTF8.GetString(bytes.AsSpan(cubin + log, content - cubin - log)).Split('\n'))
        {
            if (line.Split('\t') is [var name, var lowered]) names[name] = lowered;
        }

        return new(bytes.AsMemory(0, cubin), Encoding.UTF8.GetString(bytes.AsSpan(cubin, log)), names);
    }

    // The time of the last use is the file's write time: access times are switched off on many systems.
    private void Touch(string path) => File.SetLastWriteTimeUtc(path, clock.GetUtcNow().UtcDateTime);

    private void Evict(string justWritten)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var folder = new DirectoryInfo(directory);
        foreach (var left in folder.EnumerateFiles("*.tmp").Where(file => now - file.LastWriteTimeUtc > OldestTemporary))
            TryDelete(left.FullName);
        // What was just written stays even if it alone is larger than the limit.
        var files = folder.EnumerateFiles("*" + Extension)
            .OrderByDescending(file => file.Name == justWritten).ThenByDescending(file => file.LastWriteTimeUtc).ToArray();
        var total = 0L;
        for (var i = 0; i < files.Length; i++)
        {
            total += files[i].Length;
            if (i > 0 && total > limitBytes) TryDelete(files[i].FullName);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process uses it, or has deleted it.
        }
    }

    private string PathOf(string key) => Path.Combine(directory, key + Extension);
}
