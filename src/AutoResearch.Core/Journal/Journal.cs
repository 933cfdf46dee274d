using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AutoResearch;

/// <summary>
/// The append-only log of a loop: <c>journal.jsonl</c>, one event a line, each line chained to the one before by a hash.
/// An event that was acknowledged survives the death of process and machine at any byte.
/// </summary>
/// <remarks>
/// <see cref="AppendAsync"/> may be called concurrently; the calls are put in order. <see cref="History"/> changes with
/// every append, so read it from where you append. The format is described in <c>docs/journal-and-reports.md</c>.
/// </remarks>
public sealed class Journal : IJournal
{
    /// <summary>The journal's file name inside its directory.</summary>
    public const string FileName = "journal.jsonl";

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ArrayBufferWriter<byte> _line = new(4096);
    private readonly Utf8JsonWriter _json;
    private readonly JournalOptions _options;
    private readonly FileLock? _lock;
    private readonly IJournalFile? _file;
    private readonly JournalSnapshot? _snapshot;
    private JournalPosition _position = JournalPosition.Start;
    private bool _tailIsDirty;
    private bool _disposed;

    private Journal(string? directory, JournalOptions options)
    {
        _json = new Utf8JsonWriter(_line, JournalJson.Writer);
        _options = options;
        Directory = directory;
        if (directory is null) return;
        System.IO.Directory.CreateDirectory(directory);
        _lock = JournalLock.Take(directory);
        try
        {
            _file = options.OpenFile(PathIn(directory));
            if (options.UseSnapshot) _snapshot = SnapshotIn(directory, options.Logger);
            Load();
            if (Count == 0 && options.FlushToDisk) FlushNames(directory);
        }
        catch
        {
            _file?.Dispose();
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>The directory; null for a journal in memory.</summary>
    public string? Directory { get; }

    /// <summary>The fold of all events.</summary>
    public ResearchHistory History { get; private set; } = new();

    /// <summary>How many events the journal holds.</summary>
    public long Count => _position.Sequence;

    /// <summary>
    /// Bytes of an unfinished last line that were found when opening, and moved to <c>journal.torn</c>; 0 when the file ended
    /// well. They belong to an event that was never acknowledged.
    /// </summary>
    public int RepairedBytes { get; private set; }

    /// <summary>Opens the journal of a directory, or begins one, and makes the caller its only writer.</summary>
    /// <param name="directory">Where the journal is; created when it does not exist.</param>
    /// <param name="options">How it writes; null for the defaults.</param>
    /// <param name="cancellationToken">Stops waiting; the journal is then not opened.</param>
    /// <exception cref="JournalLockedException">Another loop writes to it; the message names the process.</exception>
    /// <exception cref="JournalCorruptException">A line is missing or was changed. An unfinished last line is repaired
    /// instead.</exception>
    /// <exception cref="JournalVersionException">It was written by a newer version of the library.</exception>
    public static async ValueTask<Journal> OpenAsync(
        string directory, JournalOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        var full = Path.GetFullPath(directory);
        return await Task.Run(() => new Journal(full, options ?? new()), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A journal that is kept in memory only, for loops that need no record.</summary>
    public static Journal InMemory() => new(null, new());

    /// <summary>Writes an event, forces it to the disk, adds it to <see cref="History"/>, and only then returns.</summary>
    /// <param name="researchEvent">What happened.</param>
    /// <param name="cancellationToken">Stops waiting for earlier appends; once the writing has begun it is finished.</param>
    /// <exception cref="ArgumentException">
    /// The event is of a type that is not journalled, or holds an object of a type that a journal cannot write, such as an own
    /// kind of <see cref="Change"/>; nothing was written.
    /// </exception>
    /// <exception cref="InvalidDataException">The event does not fit the ones before it; nothing was written.</exception>
    /// <exception cref="JournalException">The event could not be written, e.g. because the disk is full. Neither the file nor the
    /// history has changed, and the journal can still be used.</exception>
    public async ValueTask AppendAsync(ResearchEvent researchEvent, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(researchEvent);
        if (researchEvent is MeasurementReported)
            throw new ArgumentException("A MeasurementReported event is streamed only; it is never journalled.",
                nameof(researchEvent));
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            History.Check(researchEvent);
            if (_file is null) _position = _position with { Sequence = _position.Sequence + 1 };
            else await Task.Run(() => Write(researchEvent), CancellationToken.None).ConfigureAwait(false);
            History.Apply(researchEvent);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Reads the events of a directory's journal one by one, without a lock: a loop may be writing to it.</summary>
    /// <remarks>An unfinished last line is not read, and not an error.</remarks>
    /// <exception cref="FileNotFoundException">There is no journal in the directory.</exception>
    /// <exception cref="JournalCorruptException">A line is missing or was changed.</exception>
    /// <exception cref="JournalVersionException">It was written by a newer version of the library.</exception>
    public static async IAsyncEnumerable<ResearchEvent> ReadAsync(
        string directory, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var file = OpenToRead(directory, out var path);
        var reader = new JournalReader(file, path, JournalPosition.Start);
        while (reader.Next() is { } e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return e;
        }
    }

    /// <summary>Reads the history of a directory's journal, without a lock: a loop may be writing to it.</summary>
    /// <exception cref="FileNotFoundException">There is no journal in the directory.</exception>
    /// <exception cref="JournalCorruptException">A line is missing or was changed.</exception>
    /// <exception cref="JournalVersionException">It was written by a newer version of the library.</exception>
    public static async ValueTask<ResearchHistory> ReadHistoryAsync(
        string directory, CancellationToken cancellationToken = default) =>
        await Task.Run(() =>
        {
            using var file = OpenToRead(directory, out var path);
            var history = new ResearchHistory();
            _ = Replay(file, path, history, SnapshotIn(Path.GetDirectoryName(path)!, null), cancellationToken);
            return history;
        }, cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Checks every line of a directory's journal, without a lock, without a snapshot and without changing anything.
    /// </summary>
    /// <exception cref="FileNotFoundException">There is no journal in the directory.</exception>
    public static JournalVerification Verify(string directory)
    {
        using var file = OpenToRead(directory, out var path);
        var reader = new JournalReader(file, path, JournalPosition.Start);
        string? problem = null;
        try
        {
            Replay(reader, path, new ResearchHistory(), null, default);
        }
        catch (JournalException e)
        {
            problem = e.Message;
        }
        return new(reader.Position.Sequence, reader.Position.Offset, reader.Position.Hash, reader.Tail.Length, problem);
    }

    /// <summary>Waits for an append in progress, closes the file and gives the lock back.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_disposed) return;
            _disposed = true;
            _file?.Dispose();
            _lock?.Dispose();
            await _json.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    private static string PathIn(string directory) => Path.Combine(directory, FileName);

    private static IJournalFile OpenToRead(string directory, out string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        path = PathIn(Path.GetFullPath(directory));
        return File.Exists(path)
            ? JournalFile.OpenRead(path)
            : throw new FileNotFoundException($"There is no journal in '{directory}': the file '{path}' does not exist.", path);
    }

    private static JournalSnapshot SnapshotIn(string directory, ILogger? logger) =>
        new(Path.Combine(directory, JournalSnapshot.FileName), logger ?? NullLogger.Instance);

    /// <summary>Folds a journal into a history: first what the snapshot has, if there is one, then the lines after it.</summary>
    private static JournalReader Replay(
        IJournalFile file, string path, ResearchHistory history, JournalSnapshot? snapshot, CancellationToken cancellationToken)
    {
        var start = JournalPosition.Start;
        if (snapshot is not null)
        {
            var sequence = 0L;
            start = snapshot.Load(file, e => Fold(history, e, path, ++sequence, 0));
        }
        var reader = new JournalReader(file, path, start);
        Replay(reader, path, history, snapshot, cancellationToken);
        return reader;
    }

    private static void Replay(
        JournalReader reader, string path, ResearchHistory history, JournalSnapshot? snapshot,
        CancellationToken cancellationToken)
    {
        for (var offset = reader.Position.Offset; reader.Next() is { } e; offset = reader.Position.Offset)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Fold(history, e, path, reader.Position.Sequence, offset);
            snapshot?.Add(e, reader.Position);
        }
    }

    private static void Fold(ResearchHistory history, ResearchEvent e, string path, long line, long offset)
    {
        try
        {
            history.Apply(e);
        }
        catch (InvalidDataException cause)
        {
            throw new JournalCorruptException(path, line, offset,
                $"its event does not fit the ones before it: {cause.Message}", cause);
        }
    }

    private void Load()
    {
        var reader = Replay(_file!, PathIn(Directory!), History, _snapshot, default);
        _position = reader.Position;
        if (reader.LacksNewline) EndLine();
        else if (!reader.Tail.IsEmpty) CutTornLine(reader.Tail.Span);
    }

    // The names of the file and of its directory, either of which may be new.
    private void FlushNames(string directory)
    {
        _options.FlushDirectory(directory);
        if (Path.GetDirectoryName(directory) is { Length: > 0 } parent) _options.FlushDirectory(parent);
    }

    private void EndLine()
    {
        _file!.Write("\n"u8, _position.Offset);
        if (_options.FlushToDisk) _file.FlushToDisk();
        _position = _position with { Offset = _position.Offset + 1 };
        _snapshot?.LineEnded();
    }

    private void CutTornLine(ReadOnlySpan<byte> torn)
    {
        // The copy is safe before the original is cut: a power cut in between may leave two copies, never none.
        using (var copy = _options.OpenFile(Path.Combine(Directory!, "journal.torn")))
        {
            copy.Write([.. torn, (byte)'\n'], copy.Length);
            if (_options.FlushToDisk) copy.FlushToDisk();
        }
        _file!.SetLength(_position.Offset);
        if (_options.FlushToDisk) _file.FlushToDisk();
        RepairedBytes = torn.Length;
    }

    private void Write(ResearchEvent e)
    {
        var hash = JournalLine.Write(_line, _json, _position.Sequence + 1, _position.Hash, e);
        CheckPlace();
        try
        {
            if (_tailIsDirty) CutTail();
            _tailIsDirty = true;
            _file!.Write(_line.WrittenSpan, _position.Offset);
            if (_options.FlushToDisk) _file.FlushToDisk();
            _tailIsDirty = false;
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            TryCutTail();
            throw new JournalException($"The event {_position.Sequence + 1} could not be written to '{PathIn(Directory!)}': "
                + $"{cause.Message} Nothing was recorded and everything before it is safe. Free disk space or repair the device, "
                + "then append again or resume the loop.", cause);
        }
        _position = new(_position.Sequence + 1, hash, _position.Offset + _line.WrittenCount);
        _snapshot?.Add(e, _position);
        _snapshot?.WriteIfDue(_file);
    }

    // A file that was deleted or replaced can still be written to, but nobody would ever read it.
    private void CheckPlace()
    {
        var file = new FileInfo(PathIn(Directory!));
        if (file.Exists && (_tailIsDirty || file.Length == _position.Offset)) return;
        throw new JournalException(
            $"The journal '{file.FullName}' was {(file.Exists ? "replaced or changed by somebody else" : "deleted or moved")} "
            + "while the loop wrote to it. Nothing more was recorded. "
            + $"Put the file with its {_position.Sequence} events back and resume, or begin anew in another directory.");
    }

    private void CutTail()
    {
        _file!.SetLength(_position.Offset);
        _tailIsDirty = false;
    }

    private void TryCutTail()
    {
        try
        {
            CutTail();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // tried again before the next append
    }
}
