using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AutoResearch;

/// <summary>
/// One line of a journal: <c>{"v":1,"seq":7,"time":"…","prev":"…","event":{…},"hash":"…"}</c>. The hash is SHA-256 of the
/// line's bytes before <c>,"hash"</c>, so checking needs no parsing; <c>prev</c> is the hash of the line before.
/// </summary>
internal static class JournalLine
{
    public const int Version = 1;

    /// <summary><c>prev</c> of the first line.</summary>
    public static readonly string NoHash = new('0', 64);

    private const int HashLength = 64;
    private const int TailLength = 9 + HashLength + 2;

    /// <summary>Writes a line with its newline and returns its hash.</summary>
    /// <exception cref="ArgumentException">Something in the event is of a type that has no JSON; the message
    /// names it.</exception>
    public static string Write(
        ArrayBufferWriter<byte> buffer, Utf8JsonWriter json, long sequence, string previous, ResearchEvent e)
    {
        buffer.ResetWrittenCount();
        json.Reset(buffer);
        json.WriteStartObject();
        json.WriteNumber("v"u8, Version);
        json.WriteNumber("seq"u8, sequence);
        json.WriteString("time"u8, e.Time);
        json.WriteString("prev"u8, previous);
        json.WritePropertyName("event"u8);
        try
        {
            JsonSerializer.Serialize(json, e, JournalJson.Default.ResearchEvent);
        }
        catch (NotSupportedException cause)
        {
            throw new ArgumentException($"The event {e.GetType().Name} cannot be recorded: a journal cannot write {Unknown(e)}. "
                + "Express it with the types in the box (a Change as ParameterChange or SourceChange, an edit as WriteFile, "
                + "ReplaceText or DeleteFile), or keep the loop in memory.",
                nameof(e), cause);
        }
        json.Flush();
        var hash = Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
        buffer.Write(",\"hash\":\""u8);
        Encoding.ASCII.GetBytes(hash, buffer);
        buffer.Write("\"}\n"u8);
        return hash;
    }

    /// <summary>Checks a line (without its newline) against its hash; null when it is not a whole, unchanged line.</summary>
    public static string? Check(ReadOnlySpan<byte> line, out string problem)
    {
        problem = "";
        if (line.Length <= TailLength || line[0] != (byte)'{' || !line[^TailLength..].StartsWith(",\"hash\":\""u8)
            || !line.EndsWith("\"}"u8))
        {
            problem = "expected a JSON object that ends in its \"hash\", found something else.";
            return null;
        }
        var noted = Encoding.ASCII.GetString(line[^(HashLength + 2)..^2]);
        var computed = Convert.ToHexStringLower(SHA256.HashData(line[..^TailLength]));
        if (noted == computed) return noted;
        problem = $"its bytes have the SHA-256 {computed}, but it states {noted}; the line was changed after it was written.";
        return null;
    }

    /// <summary>Parses a line whose hash is good.</summary>
    /// <exception cref="JsonException">It is not what this version writes.</exception>
    /// <exception cref="JournalVersionException">It is what a newer version wrote.</exception>
    public static (long Sequence, string Previous, ResearchEvent Event) Parse(ReadOnlySpan<byte> line, string path)
    {
        var reader = new Utf8JsonReader(line);
        reader.Read();
        Expect(ref reader, "v"u8);
        var version = reader.GetInt64();
        if (version > Version) throw new JournalVersionException(path, version, Version);
        Expect(ref reader, "seq"u8);
        var sequence = reader.GetInt64();
        Expect(ref reader, "time"u8);
        var time = reader.GetDateTimeOffset();
        Expect(ref reader, "prev"u8);
        var previous = reader.GetString() ?? "";
        Expect(ref reader, "event"u8);
        var e = JsonSerializer.Deserialize(ref reader, JournalJson.Default.ResearchEvent)
            ?? throw new JsonException("The event is null.");
        return (sequence, previous, e with { Time = time });
    }

    private static string Unknown(ResearchEvent e) => e switch
    {
        HypothesisProposed { Hypothesis.Change: SourceChange source } when source.GetType() == typeof(SourceChange) =>
            $"an edit of type {string.Join(" or ", source.Edits.Select(edit => edit.GetType().FullName).Distinct())}",
        HypothesisProposed proposed => $"a change of type {proposed.Hypothesis.Change.GetType().FullName}",
        TrialJudged judged => $"a verdict of type {judged.Verdict.GetType().FullName}",
        _ => $"an event of type {e.GetType().FullName}",
    };

    private static void Expect(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals(name))
            throw new JsonException($"The property \"{Encoding.UTF8.GetString(name)}\" is not in its place.");
        reader.Read();
    }
}
