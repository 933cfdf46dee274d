using AutoResearch.Tests;
using Microsoft.Extensions.Logging;

namespace AutoResearch.Core.Tests.Journals;

/// <summary>A snapshot makes opening faster and changes nothing else, whatever happens to it.</summary>
public sealed class JournalSnapshotTests : IDisposable
{
    private static readonly IReadOnlyList<ResearchEvent> s_events = SampleHistory.Events(trials: 450);
    private readonly string _directory = Directory.CreateTempSubdirectory("snapshot-").FullName;
    private readonly Lines _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string FilePath => Path.Combine(_directory, Journal.FileName);

    private string SnapshotPath => Path.Combine(_directory, JournalSnapshot.FileName);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task OpenAsync_WithSnapshot_HistoryIsTheSameAndLittleIsParsed()
    {
        await WriteAsync();
        Assert.True(s_events.Count > 2 * JournalSnapshot.SegmentEvents);

        var reading = await OpenAsync();

        Assert.Equal(s_events.Count % JournalSnapshot.SegmentEvents, LinesAfter(reading.FirstLineRead));
        Deep.Equal(ResearchHistory.Of(s_events), reading.History);
        Deep.Equal(ResearchHistory.Of(s_events), await Journal.ReadHistoryAsync(_directory, Token));
        Assert.Empty(_log.All);
    }

    [Fact]
    public async Task OpenAsync_SnapshotMissing_IsReadInFullAndWrittenAgain()
    {
        await WriteAsync();
        var snapshot = await File.ReadAllBytesAsync(SnapshotPath, Token);
        File.Delete(SnapshotPath);

        await using (var journal = await Journal.OpenAsync(_directory, new() { FlushToDisk = false }, Token))
        {
            Deep.Equal(ResearchHistory.Of(s_events), journal.History);
            await journal.AppendAsync(new LoopResumed { Time = s_events[^1].Time }, Token);
            await journal.AppendAsync(s_events[^1], Token);
        }

        Assert.Equal(snapshot, await File.ReadAllBytesAsync(SnapshotPath, Token));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.3)]
    [InlineData(0.6)]
    [InlineData(0.999)]
    public async Task OpenAsync_SnapshotDamaged_IsIgnoredFromThereWithALogLine(double where)
    {
        await WriteAsync();
        var bytes = await File.ReadAllBytesAsync(SnapshotPath, Token);
        bytes[(int)(where * bytes.Length)] ^= 0x10;
        await File.WriteAllBytesAsync(SnapshotPath, bytes, Token);

        var reading = await OpenAsync();

        Deep.Equal(ResearchHistory.Of(s_events), reading.History);
        Assert.Contains(SnapshotPath, Assert.Single(_log.All), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_SnapshotCutAnywhere_IsIgnoredFromThere()
    {
        await WriteAsync();
        var bytes = await File.ReadAllBytesAsync(SnapshotPath, Token);
        foreach (var length in (int[])[0, 3, 20, 100, bytes.Length / 2, bytes.Length - 1])
        {
            await File.WriteAllBytesAsync(SnapshotPath, bytes[..length], Token);
            Assert.Equal(s_events.Count, (await OpenAsync()).Count);
        }
    }

    [Fact]
    public async Task OpenAsync_SnapshotOfAnotherJournal_IsIgnored()
    {
        await WriteAsync();
        var other = Directory.CreateDirectory(Path.Combine(_directory, "other")).FullName;
        var events = SampleHistory.Events(trials: 450, seed: 2);
        await WriteAsync(events, other);
        File.Copy(SnapshotPath, Path.Combine(other, JournalSnapshot.FileName), overwrite: true);

        await using var journal = await Journal.OpenAsync(other, new() { Logger = _log }, Token);

        Deep.Equal(ResearchHistory.Of(events), journal.History);
        Assert.Single(_log.All);
    }

    [Fact]
    public async Task OpenAsync_JournalChangedUnderTheSnapshot_IsNoticed()
    {
        await WriteAsync();
        var whole = await File.ReadAllBytesAsync(FilePath, Token);
        var random = new Random(1);
        for (var i = 0; i < 5; i++)
        {
            var changed = (byte[])whole.Clone();
            changed[random.Next(whole.Length - 1000)] ^= 1;
            await File.WriteAllBytesAsync(FilePath, changed, Token);
            await Assert.ThrowsAnyAsync<JournalException>(OpenAsync);
            await Assert.ThrowsAnyAsync<JournalException>(async () => await Journal.ReadHistoryAsync(_directory, Token));
        }
    }

    [Fact]
    public async Task OpenAsync_JournalCutToFewerLines_ItsLinesCount()
    {
        await WriteAsync();
        var lines = (await File.ReadAllLinesAsync(FilePath, Token))[..1500];
        await File.WriteAllTextAsync(FilePath, string.Join('\n', lines) + "\n", Token);

        var reading = await OpenAsync();

        Assert.Equal(1500, reading.Count);
        Deep.Equal(ResearchHistory.Of(s_events.Take(1500)), reading.History);
    }

    [Fact]
    public async Task AppendAsync_LastLineWithoutNewline_SnapshotFits()
    {
        await WriteAsync(s_events.Take(JournalSnapshot.SegmentEvents).ToArray());
        var bytes = await File.ReadAllBytesAsync(FilePath, Token);
        await File.WriteAllBytesAsync(FilePath, bytes[..^1], Token);
        await using (var journal = await Journal.OpenAsync(_directory, new() { FlushToDisk = false }, Token))
            await journal.AppendAsync(s_events[JournalSnapshot.SegmentEvents], Token);

        var reading = await OpenAsync();

        Assert.Empty(_log.All);
        Assert.Equal(1, LinesAfter(reading.FirstLineRead));
        Assert.Equal(JournalSnapshot.SegmentEvents + 1, reading.Count);
    }

    [Fact]
    public async Task AppendAsync_SnapshotCannotBeWritten_TheJournalGoesOn()
    {
        Directory.CreateDirectory(SnapshotPath);
        await WriteAsync();

        Assert.Contains("could not be written", Assert.Single(_log.All), StringComparison.Ordinal);
        Assert.Equal(s_events.Count, Journal.Verify(_directory).Events);
        Directory.Delete(SnapshotPath);
    }

    [Fact]
    public async Task OpenAsync_WithoutSnapshots_WritesAndReadsNone()
    {
        await using (var journal = await Journal.OpenAsync(_directory, new() { UseSnapshot = false, FlushToDisk = false }, Token))
        {
            foreach (var e in s_events) await journal.AppendAsync(e, Token);
        }
        Assert.False(File.Exists(SnapshotPath));
    }

    [Fact]
    public void Encode_UsualEvents_OnlyRareOnesAreJson()
    {
        var (payload, asJson) = SnapshotEncoder.Encode(s_events);

        Assert.Equal(
            s_events.Count(e => e is not (HypothesisProposed or ExperimentStarted or ExperimentFinished or TrialJudged)), asJson);
        Assert.Equal(s_events.Select(SnapshotEncoder.Json), SnapshotDecoder.Decode(payload).Select(SnapshotEncoder.Json));
    }

    private async Task WriteAsync(IReadOnlyList<ResearchEvent>? events = null, string? directory = null)
    {
        await using var journal = await Journal.OpenAsync(directory ?? _directory,
            new() { FlushToDisk = false, Logger = _log }, Token);
        foreach (var e in events ?? s_events) await journal.AppendAsync(e, Token);
    }

    private async Task<(ResearchHistory History, long Count, long FirstLineRead)> OpenAsync()
    {
        WatchedFile? file = null;
        await using var journal = await Journal.OpenAsync(_directory, new()
        {
            Logger = _log, FlushToDisk = false, OpenFile = path => file = new WatchedFile(JournalFile.Open(path)),
        }, Token);
        return (journal.History, journal.Count, file!.LastReadOfLines);
    }

    private int LinesAfter(long offset)
    {
        var bytes = File.ReadAllBytes(FilePath);
        return bytes.AsSpan((int)offset).Count((byte)'\n');
    }

    // Lines are read in pieces of 64 KiB from where the snapshot ends; a snapshot's stretches are read in larger ones.
    private sealed class WatchedFile(IJournalFile inner) : IJournalFile
    {
        private readonly Lock _lock = new();

        public long LastReadOfLines { get; private set; } = long.MaxValue;

        public long Length => inner.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            lock (_lock)
            {
                if (buffer.Length == 64 * 1024) LastReadOfLines = Math.Min(LastReadOfLines, offset);
            }
            return inner.Read(buffer, offset);
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => inner.Write(bytes, offset);

        public void SetLength(long length) => inner.SetLength(length);

        public void FlushToDisk() => inner.FlushToDisk();

        public void Dispose() => inner.Dispose();
    }

    private sealed class Lines : ILogger
    {
        public List<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Add(formatter(state, exception));
    }
}
