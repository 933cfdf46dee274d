using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using FsCheck.Fluent;

namespace AutoResearch.Tests;

public sealed class JournalLineTests
{
    [Fact]
    public void Parse_WhatWasWritten_IsTheSameEvent() => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, JournalJson.Writer);
        foreach (var e in new ArbitraryEvents(seed).All())
        {
            var hash = JournalLine.Write(buffer, json, 7, JournalLine.NoHash, e);
            var line = buffer.WrittenSpan[..^1];
            Assert.Equal(hash, JournalLine.Check(line, out _));
            Assert.Equal(-1, line.IndexOf((byte)'\n'));
            var (sequence, previous, read) = JournalLine.Parse(line, "journal");
            Assert.Equal((7, JournalLine.NoHash), (sequence, previous));
            Deep.Equal(e, read);
        }
    }).Verify(300);

    [Fact]
    public void Decode_WhatASnapshotHolds_IsTheSameEvents() => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
    {
        var events = new ArbitraryEvents(seed).All();
        Deep.Equal(events, SnapshotDecoder.Decode(SnapshotEncoder.Encode(events).Payload));
    }).Verify(300);

    [Theory]
    [InlineData("")]
    [InlineData("{\"v\":1}")]
    [InlineData("no JSON that is long enough to hold a hash of sixty-four characters and the quotes around it at its end")]
    public void Check_NoLine_SaysWhatWasExpected(string text)
    {
        Assert.Null(JournalLine.Check(System.Text.Encoding.UTF8.GetBytes(text), out var problem));
        Assert.Equal("expected a JSON object that ends in its \"hash\", found something else.", problem);
    }

    [Fact]
    public void Check_ChangedLine_NamesBothHashes()
    {
        var line = Line(new LoopResumed());
        var hash = JournalLine.Check(line, out var none)!;
        line[5] ^= 1;
        Assert.Null(JournalLine.Check(line, out var problem));
        Assert.Matches(
            $"^its bytes have the SHA-256 [0-9a-f]{{64}}, but it states {hash}; the line was changed after it was written.$",
            problem);
        Assert.Equal("", none);
    }

    [Theory]
    [InlineData("{\"version\":1}", "The property \"v\" is not in its place.")]
    [InlineData("{\"v\":1,\"time\":2}", "The property \"seq\" is not in its place.")]
    [InlineData("{\"v\":1}", "The property \"seq\" is not in its place.")]
    [InlineData("[\"v\"]", "The property \"v\" is not in its place.")]
    [InlineData("{\"v\":1,\"seq\":1,\"time\":\"2026-01-01T00:00:00Z\",\"prev\":null,\"event\":null}", "The event is null.")]
    public void Parse_AnotherShape_SaysWhatIsMissing(string text, string message) =>
        Assert.Equal(message,
            Assert.Throws<JsonException>(() => JournalLine.Parse(System.Text.Encoding.UTF8.GetBytes(text), "journal")).Message);

    [Fact]
    public void Write_TypeThatHasNoJson_IsNamed()
    {
        var hypothesis = new Hypothesis
        {
            ParentId = "p",
            Title = "x",
            Change = new SourceChange([new WriteFile("a", "b"), new OwnEdit(), new OwnEdit()]),
        };
        Assert.Contains($"cannot write an edit of type {typeof(WriteFile)} or {typeof(OwnEdit)}.",
            Refusal(new HypothesisProposed(1, hypothesis, null)), StringComparison.Ordinal);
        Assert.Contains($"cannot write a verdict of type {typeof(OwnVerdict)}.",
            Refusal(new TrialJudged(1, new OwnVerdict { Reason = "x" })), StringComparison.Ordinal);
        Assert.Contains("The event MeasurementReported cannot be recorded: "
            + $"a journal cannot write an event of type {typeof(MeasurementReported)}.",
            Refusal(new MeasurementReported("e1", new("loss", 1, 1))), StringComparison.Ordinal);

        static string Refusal(ResearchEvent e) => Assert.Throws<ArgumentException>(() => Line(e)).Message;
    }

    [Fact]
    public void All_EveryTypeOfEvent_IsAmongThem() => Assert.Equal(
        typeof(ResearchEvent).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), false).Cast<JsonDerivedTypeAttribute>()
            .Select(a => a.DerivedType).ToHashSet(),
        new ArbitraryEvents(1).All().Select(e => e.GetType()).ToHashSet());

    private static byte[] Line(ResearchEvent e)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, JournalJson.Writer);
        JournalLine.Write(buffer, json, 7, JournalLine.NoHash, e);
        return buffer.WrittenSpan[..^1].ToArray();
    }

    private sealed record OwnVerdict : Verdict;

    private sealed record OwnEdit() : FileEdit("a");
}
