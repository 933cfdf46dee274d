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

    [Fact]
    public void All_EveryTypeOfEvent_IsAmongThem() => Assert.Equal(
        typeof(ResearchEvent).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), false).Cast<JsonDerivedTypeAttribute>().Select(a => a.DerivedType).ToHashSet(),
        new ArbitraryEvents(1).All().Select(e => e.GetType()).ToHashSet());
}
