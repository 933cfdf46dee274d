using System.Text.Json;

namespace AutoResearch;

/// <summary>
/// Reads a journal line by line and checks each: hash, chain, sequence, version. Holds one line at a time, whatever the
/// length of the file.
/// </summary>
internal sealed class JournalReader(IJournalFile file, string path, JournalPosition start)
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _begin;
    private int _end;
    private long _readTo = start.Offset;

    /// <summary>The end of the last good line.</summary>
    public JournalPosition Position { get; private set; } = start;

    /// <summary>After the last event: what follows the last newline; empty for a file that ends well.</summary>
    public ReadOnlyMemory<byte> Tail { get; private set; }

    /// <summary>True when the last event's line is whole but lacks its newline.</summary>
    public bool LacksNewline { get; private set; }

    /// <summary>The next event; null at the end, or before an unfinished last line.</summary>
    /// <exception cref="JournalCorruptException">A line is not what was written.</exception>
    /// <exception cref="JournalVersionException">A line is from a newer version.</exception>
    public ResearchEvent? Next()
    {
        if (LacksNewline) return null;
        if (NextLine(out var length)) return Decode(_buffer.AsSpan(_begin, length), length + 1);
        if (length == 0) return null;

        // Only a whole line has a good hash, so a last line that merely lost its newline is as good as acknowledged.
        var line = _buffer.AsSpan(_begin, length);
        if (JournalLine.Check(line, out _) is null)
        {
            Tail = _buffer.AsMemory(_begin, length);
            return null;
        }
        LacksNewline = true;
        return Decode(line, length);
    }

    private ResearchEvent Decode(ReadOnlySpan<byte> line, int consumed)
    {
        var number = Position.Sequence + 1;
        var hash = JournalLine.Check(line, out var problem) ?? throw Corrupt(problem);
        try
        {
            var (sequence, previous, e) = JournalLine.Parse(line, path);
            if (sequence != number)
                throw Corrupt($"expected \"seq\":{number}, found {sequence}; lines are missing, repeated or out of order.");
            if (previous != Position.Hash)
                throw Corrupt($"expected \"prev\":\"{Position.Hash}\", the hash of the line before, found \"{previous}\"; "
                    + "lines were exchanged.");
            _begin += consumed;
            Position = new(number, hash, Position.Offset + consumed);
            return e;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException
            or NotSupportedException)
        {
            throw Corrupt($"it cannot be read as an event of format version {JournalLine.Version} ({e.Message})", e);
        }
    }

    private JournalCorruptException Corrupt(string problem, Exception? cause = null) =>
        new(path, Position.Sequence + 1, Position.Offset, problem, cause);

    /// <summary>Brings the next whole line to <c>_begin</c>; false when the file ends first, with what is left.</summary>
    private bool NextLine(out int length)
    {
        var searched = 0;
        while (true)
        {
            var at = _buffer.AsSpan(_begin + searched, _end - _begin - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                length = searched + at;
                return true;
            }
            searched = _end - _begin;
            if (!Fill())
            {
                length = searched;
                return false;
            }
        }
    }

    private bool Fill()
    {
        if (_begin > 0)
        {
            _buffer.AsSpan(_begin, _end - _begin).CopyTo(_buffer);
            (_begin, _end) = (0, _end - _begin);
        }
        if (_end == _buffer.Length) Array.Resize(ref _buffer, checked(_buffer.Length * 2));
        var read = file.Read(_buffer.AsSpan(_end), _readTo);
        _end += read;
        _readTo += read;
        return read > 0;
    }
}

/// <summary>A place in a journal: after how many events, the hash of the last of them, and how many bytes they take.</summary>
internal readonly record struct JournalPosition(long Sequence, string Hash, long Offset)
{
    public static JournalPosition Start { get; } = new(0, JournalLine.NoHash, 0);
}
