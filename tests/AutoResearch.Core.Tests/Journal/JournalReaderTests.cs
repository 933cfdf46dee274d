using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AutoResearch.Tests;

/// <summary>Lines that are whole by their own hash and yet wrong.</summary>
public sealed class JournalReaderTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("reader-").FullName;
    private string _last = JournalLine.NoHash;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Next_LinesInOrder_MovesThePositionBehindThem()
    {
        var (first, second) = (Line(1, JournalLine.NoHash), Line(2, null));
        var (reader, _) = Read(first, second);
        Assert.IsType<LoopResumed>(reader.Next());
        Assert.Equal((1, first.Length), (reader.Position.Sequence, reader.Position.Offset));
        Assert.IsType<LoopResumed>(reader.Next());
        Assert.Equal((2, first.Length + second.Length), (reader.Position.Sequence, reader.Position.Offset));
        Assert.Null(reader.Next());
        Assert.True(reader.Tail.IsEmpty && !reader.LacksNewline);
    }

    [Fact]
    public void Next_LastLineWithoutNewline_IsReadOnce()
    {
        var (reader, _) = Read(Line(1, JournalLine.NoHash)[..^1]);
        Assert.NotNull(reader.Next());
        Assert.Null(reader.Next());
        Assert.True(reader.LacksNewline);
        Assert.Equal(1, reader.Position.Sequence);
    }

    [Fact]
    public void Next_UnfinishedLastLine_IsTheTail()
    {
        var (reader, _) = Read(Line(1, JournalLine.NoHash), [.. "{\"v\":1,"u8]);
        Assert.NotNull(reader.Next());
        Assert.Null(reader.Next());
        Assert.Equal("{\"v\":1,", Encoding.UTF8.GetString(reader.Tail.Span));
    }

    [Theory]
    [InlineData(3, null, "expected \"seq\":2, found 3; lines are missing, repeated or out of order.")]
    [InlineData(2, "ab", "found \"ab\"; lines were exchanged.")]
    public void Next_LineOfAnotherPlace_SaysWhatWasExpected(long sequence, string? previous, string problem)
    {
        var first = Line(1, JournalLine.NoHash);
        var (reader, path) = Read(first, Line(sequence, previous));
        Assert.NotNull(reader.Next());
        var e = Assert.Throws<JournalCorruptException>(reader.Next);
        Assert.EndsWith(problem, e.Problem, StringComparison.Ordinal);
        Assert.Equal((path, 2, first.Length), (e.Path, e.Line, e.Offset));
    }

    [Theory]
    [InlineData("{\"something\":\"else\"")]
    [InlineData("{\"v\":1,\"seq\":\"one\"")]
    [InlineData("{\"v\":1,\"seq\":1,\"time\":\"2026-01-01T00:00:00Z\",\"prev\":\"\",\"event\":{\"type\":\"of_the_future\"}")]
    public void Next_LineThatIsNoEvent_IsDamage(string body)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        var (reader, _) = Read(Encoding.UTF8.GetBytes($"{body},\"hash\":\"{hash}\"}}\n"));
        Assert.StartsWith("it cannot be read as an event of format version 1 (",
            Assert.Throws<JournalCorruptException>(reader.Next).Problem, StringComparison.Ordinal);
    }

    /// <summary>A line with its newline; without a previous hash it follows the line made before.</summary>
    private byte[] Line(long sequence, string? previous)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, JournalJson.Writer);
        _last = JournalLine.Write(buffer, json, sequence, previous ?? _last, new LoopResumed());
        return buffer.WrittenSpan.ToArray();
    }

    private (JournalReader Reader, string Path) Read(params byte[][] lines)
    {
        var path = Path.Combine(_directory, Journal.FileName);
        File.WriteAllBytes(path, [.. lines.SelectMany(l => l)]);
        return (new(JournalFile.OpenRead(path), path, JournalPosition.Start), path);
    }
}
