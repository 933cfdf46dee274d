using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// Every answered call of a language model, written down the moment its answer is there. A hypothesis carries the
/// cost of its calls, and of those that a failure or a kill had cut off before it, so the costs in the journal add up to what was
/// spent. One ledger serves all proposers of a loop. Thread-safe.
/// </summary>
public sealed class ChatLedger : IDisposable
{
    /// <summary>The file's name beside the journal.</summary>
    public const string FileName = "calls.jsonl";

    private readonly Lock _lock = new();
    private readonly List<ChatCall> _calls = [];
    private readonly FileStream? _file;

    /// <summary>Creates a ledger in memory.</summary>
    public ChatLedger()
    {
    }

    private ChatLedger(FileStream file) => _file = file;

    /// <summary>Opens the ledger of a run directory, or begins one. A last line that was cut off by a crash is removed.</summary>
    /// <param name="directory">The directory of the journal; created when it does not exist.</param>
    /// <exception cref="InvalidDataException">A line is not a call; the message names it.</exception>
    /// <exception cref="IOException">Another process has it open, or it cannot be written.</exception>
    public static ChatLedger Open(string directory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, FileName);
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var ledger = new ChatLedger(file);
        try
        {
            ledger.Load(path);
            return ledger;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>All calls in order.</summary>
    public IReadOnlyList<ChatCall> Calls
    {
        get
        {
            lock (_lock) return [.. _calls];
        }
    }

    /// <summary>What all calls have cost.</summary>
    public Cost Total
    {
        get
        {
            lock (_lock) return _calls.Aggregate(default(Cost), (sum, call) => sum + call.Cost);
        }
    }

    /// <summary>Records a call; on disk when it returns, if the ledger has a file.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public void Add(ChatCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        lock (_lock)
        {
            if (_file is not null)
            {
                _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(call, ChatLedgerJson.Default.ChatCall), (byte)'\n']);
                _file.Flush(flushToDisk: true);
            }

            _calls.Add(call);
        }
    }

    /// <summary>
    /// What the calls have cost that no hypothesis of the history carries, and how many there are: those for the present
    /// proposal, and those of proposals that a failure or a kill has cut off. Which are booked is read from
    /// <see cref="ProposalProvenance.AskedAs"/>.
    /// </summary>
    public (Cost Cost, int Calls) Unbooked(ResearchState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        // Every hypothesis books all that is open, and the numbers asked for only grow.
        var booked = state.Trials.Max(t => t.Hypothesis.Provenance?.AskedAs) ?? 0;
        lock (_lock)
        {
            return _calls.Where(c => c.Trial > booked)
                .Aggregate((default(Cost), 0), (sum, call) => (sum.Item1 + call.Cost, sum.Item2 + 1));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private void Load(string path)
    {
        var bytes = new byte[_file!.Length];
        _file.ReadExactly(bytes);
        var whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        var number = 0;
        foreach (var line in Encoding.UTF8.GetString(bytes, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            number++;
            try
            {
                _calls.Add(
                    JsonSerializer.Deserialize(line, ChatLedgerJson.Default.ChatCall) ?? throw new JsonException("It is null."));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}, line {number} is not a call: {e.Message}", e);
            }
        }

        _file.SetLength(whole);
        _file.Position = whole;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ChatCall))]
internal sealed partial class ChatLedgerJson : JsonSerializerContext;
