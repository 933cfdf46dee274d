using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch.Pretraining;

/// <summary>
/// Keeps a corpus that was read, under the names, sizes and times of its files. The file: a length and the report as JSON,
/// then for each split the number of documents, their ends and the text; numbers are 32-bit little-endian.
/// </summary>
internal static class CorpusCache
{
    // Raise it whenever the same files would give another corpus.
    private const int Version = 1;

    public static Corpus GetOrRead(
        string source, List<(string Name, string Path)> files, CorpusOptions options, Func<Corpus> read)
    {
        if (options.Cache is not { } cache) return read();
        var name = DataCache.NameFor("corpus", Key(source, files, options), ".bin");
        if (cache.TryReadChecked(name) is { } content) return Deserialize(content);

        var corpus = read();
        cache.TryWriteChecked(name, Serialize(corpus));
        return corpus;
    }

    private static string Key(string source, List<(string Name, string Path)> files, CorpusOptions options)
    {
        var key = new StringBuilder();
        key.Append(CultureInfo.InvariantCulture, $"{Version}|{source}|{options.ContentKey}\n");
        foreach (var (name, path) in files)
        {
            // A link stands for the file it points to: that is the one whose size and time change.
            FileSystemInfo info = new FileInfo(path);
            try
            {
                info = info.ResolveLinkTarget(returnFinalTarget: true) ?? info;
            }
            catch (IOException)
            {
                // A broken link is a problem for the reader to report.
            }

            var length = info is FileInfo { Exists: true } file ? file.Length : -1;
            key.Append(CultureInfo.InvariantCulture, $"{name}|{length}|{(length < 0 ? 0 : info.LastWriteTimeUtc.Ticks)}\n");
        }

        return key.ToString();
    }

    private static ReadOnlyMemory<byte>[] Serialize(Corpus corpus)
    {
        var report = JsonSerializer.SerializeToUtf8Bytes(corpus.Report, CorpusReportContext.Default.CorpusReport);
        var parts = new List<ReadOnlyMemory<byte>> { Int32(report.Length), report };
        foreach (var split in (DocumentSet[])[corpus.Train, corpus.Validation, corpus.Audit])
        {
            parts.Add(Int32(split.Count));
            parts.Add(Integers.ToBytes(split.Ends));
            parts.Add(split.Text);
        }

        return [.. parts];
    }

    // The content is protected by a hash and its name by the version: it is what Serialize wrote.
    private static Corpus Deserialize(ReadOnlyMemory<byte> content)
    {
        ReadOnlyMemory<byte> Take(int length)
        {
            var part = content[..length];
            content = content[length..];
            return part;
        }

        int TakeInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)).Span);

        DocumentSet TakeSplit()
        {
            var ends = Integers.FromBytes(Take(checked(TakeInt32() * sizeof(int))).Span);
            return new(Take(ends.Length == 0 ? 0 : ends[^1]), ends);
        }

        var report = JsonSerializer.Deserialize(Take(TakeInt32()).Span, CorpusReportContext.Default.CorpusReport)!;
        var (train, validation, audit) = (TakeSplit(), TakeSplit(), TakeSplit());
        return new(train, validation, audit, report);
    }

    private static byte[] Int32(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }
}

/// <summary>Arrays of numbers as little-endian bytes.</summary>
internal static class Integers
{
    public static byte[] ToBytes(ReadOnlySpan<int> values)
    {
        var bytes = new byte[values.Length * sizeof(int)];
        MemoryMarshal.AsBytes(values).CopyTo(bytes);
        if (!BitConverter.IsLittleEndian) Reverse(MemoryMarshal.Cast<byte, int>(bytes.AsSpan()));
        return bytes;
    }

    public static int[] FromBytes(ReadOnlySpan<byte> bytes)
    {
        var values = MemoryMarshal.Cast<byte, int>(bytes).ToArray();
        if (!BitConverter.IsLittleEndian) Reverse(values);
        return values;
    }

    private static void Reverse(Span<int> values) => BinaryPrimitives.ReverseEndianness(values, values);
}

[JsonSerializable(typeof(CorpusReport))]
internal sealed partial class CorpusReportContext : JsonSerializerContext;
