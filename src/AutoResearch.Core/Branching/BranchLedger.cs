using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// The slices of a branched research, one JSON object a line: a line when a slice begins and one when it is done, each on the
/// disk before the work goes on. A last line that a crash cut off belongs to nothing and is overwritten.
/// </summary>
internal sealed class BranchLedger : IDisposable
{
    public const string FileName = "branches.jsonl";

    private readonly FileStream _file;
    private readonly List<BranchSlice> _slices = [];

    public BranchLedger(string directory)
    {
        Directory.CreateDirectory(directory);
        // Nobody else may write while it is open: a second process gets an IOException.
        _file = new FileStream(Path.Combine(directory, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        using var reader = new StreamReader(_file, Encoding.UTF8, leaveOpen: true);
        var text = reader.ReadToEnd();
        var whole = text.LastIndexOf('\n') + 1;
        foreach (var line in text[..whole].Split('\n', StringSplitOptions.RemoveEmptyEntries)) Read(line);
        _file.SetLength(Encoding.UTF8.GetByteCount(text[..whole]));
        _file.Seek(0, SeekOrigin.End);
    }

    public IReadOnlyList<BranchSlice> Slices => _slices;

    /// <summary>The slice that was begun and not done; null when there is none.</summary>
    public BranchSlice? Open => _slices is [.., { Runs: null } last] ? last : null;

    public void Add(BranchSlice slice)
    {
        _file.Write(JsonSerializer.SerializeToUtf8Bytes(slice, BranchJson.Default.BranchSlice));
        _file.WriteByte((byte)'\n');
        _file.Flush(flushToDisk: true);
        Keep(slice);
    }

    public void Dispose() => _file.Dispose();

    private void Read(string line)
    {
        try
        {
            Keep(JsonSerializer.Deserialize(line, BranchJson.Default.BranchSlice) ?? throw new JsonException("It is null."));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"Line {_slices.Count + 1} of '{_file.Name}' is damaged: "
                + $"{e.Message} Restore the file from a copy, or delete it: the branches keep their own journals.", e);
        }
    }

    private void Keep(BranchSlice slice)
    {
        if (Open is not null) _slices.RemoveAt(_slices.Count - 1);
        _slices.Add(slice);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BranchSlice))]
internal sealed partial class BranchJson : JsonSerializerContext;
