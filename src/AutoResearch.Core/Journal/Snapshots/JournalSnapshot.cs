using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace AutoResearch;

/// <summary>
/// A compact second copy of a journal's events, <c>journal.snapshot</c>, from which the history is read several times faster than
/// from JSON. It grows by a segment for every <see cref="SegmentEvents"/> events and is never needed: whatever is wrong with it,
/// the journal's own lines are read instead.
/// </summary>
/// <remarks>
/// A segment names the stretch of the journal that it stands for, with the chain hashes at both ends and a SHA-256 of all bytes
/// between. It is used only while every byte of that stretch is unchanged, so a damaged journal is noticed as without a snapshot.
/// </remarks>
internal sealed class JournalSnapshot(string path, ILogger logger)
{
    public const string FileName = "journal.snapshot";
    public const int SegmentEvents = 1024;

    private readonly Queue<(ResearchEvent Event, JournalPosition End)> _pending = [];
    private JournalPosition _end = JournalPosition.Start;
    private JournalPosition _lastAdded = JournalPosition.Start;
    private long _length;
    private bool _givenUp;

    /// <summary>Hands out the events of all good segments in order, and returns where in the journal they end.</summary>
    public JournalPosition Load(IJournalFile journal, Action<ResearchEvent> each)
    {
        try
        {
            using var file = File.Exists(path) ? JournalFile.OpenRead(path) : null;
            if (file is not null) Load(file, journal, each);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && e is not JournalException)
        {
            JournalLog.SnapshotIgnored(logger, path, _end.Sequence, e.Message);
        }
        return _lastAdded = _end;
    }

    /// <summary>Notes an event that is on the disk, and writes a segment when enough have come together.</summary>
    public void Add(ResearchEvent e, JournalPosition end)
    {
        if (_givenUp) return;
        _pending.Enqueue((e, _lastAdded = end));
    }

    /// <summary>The last event's line got its newline.</summary>
    public void LineEnded()
    {
        if (_pending.Count == 0) return;
        var all = _pending.ToArray();
        all[^1].End = _lastAdded = _lastAdded with { Offset = _lastAdded.Offset + 1 };
        _pending.Clear();
        foreach (var pair in all) _pending.Enqueue(pair);
    }

    /// <summary>Writes one segment if enough events have come together.</summary>
    public void WriteIfDue(IJournalFile journal)
    {
        if (_pending.Count < SegmentEvents) return;
        try
        {
            var taken = _pending.Take(SegmentEvents).ToArray();
            var end = taken[^1].End;
            var (payload, _) = SnapshotEncoder.Encode([.. taken.Select(t => t.Event)]);
            var segment = new SnapshotSegment(
                _end, end, Digest(journal, _end, end) ?? throw new IOException("The journal is shorter than what was written."),
                payload).ToBytes();
            using var file = JournalFile.Open(path);
            if (file.Length != _length) file.SetLength(_length);
            file.Write(segment, _length);
            (_end, _length) = (end, _length + segment.Length);
            for (var i = 0; i < taken.Length; i++) _pending.Dequeue();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            JournalLog.SnapshotNotWritten(logger, path, e.Message);
            _givenUp = true;
            _pending.Clear();
        }
    }

    private void Load(IJournalFile file, IJournalFile journal, Action<ResearchEvent> each)
    {
        // As many segments at a time as there are processors: each is independent of the others until its events are told.
        var group = new (SnapshotSegment Segment, int Length)[Environment.ProcessorCount];
        var events = new ResearchEvent[]?[group.Length];
        while (true)
        {
            var (count, at, problem) = (0, _length, (string?)null);
            while (count < group.Length && at < file.Length
                && SnapshotSegment.Read(file, at, out group[count].Length, out problem) is { } segment)
            {
                group[count].Segment = segment;
                at += group[count++].Length;
            }
            Parallel.For(0, count, i => events[i] = Events(group[i].Segment, journal));
            for (var i = 0; i < count; i++)
            {
                if (group[i].Segment.Start != _end || events[i] is not { } some)
                {
                    JournalLog.SnapshotIgnored(logger, path, _end.Sequence, "it does not belong to these bytes of the journal.");
                    return;
                }
                foreach (var e in some) each(e);
                (_end, _length) = (group[i].Segment.End, _length + group[i].Length);
            }
            if (problem is not null) JournalLog.SnapshotIgnored(logger, path, _end.Sequence, problem);
            if (count < group.Length) return;
        }
    }

    private static ResearchEvent[]? Events(SnapshotSegment segment, IJournalFile journal)
    {
        try
        {
            return Digest(journal, segment.Start, segment.End) is { } digest && digest.AsSpan().SequenceEqual(segment.Digest)
                ? SnapshotDecoder.Decode(segment.Payload.Span)
                : null;
        }
        catch (IOException)
        {
            return null; // reading the lines will tell
        }
    }

    private static byte[]? Digest(IJournalFile journal, JournalPosition start, JournalPosition end)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[(int)Math.Min(1 << 20, Math.Max(0, end.Offset - start.Offset))];
        for (var at = start.Offset; at < end.Offset;)
        {
            var read = journal.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end.Offset - at)), at);
            if (read <= 0) return null;
            hash.AppendData(buffer, 0, read);
            at += read;
        }
        return hash.GetHashAndReset();
    }
}
