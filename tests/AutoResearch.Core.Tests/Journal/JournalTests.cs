using System.Text;

namespace AutoResearch.Tests;

public sealed class JournalTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("journal-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string FilePath => Path.Combine(_directory, Journal.FileName);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task AppendAsync_Reopened_HistoryIsTheSame()
    {
        var events = await WriteAsync(12);
        await using var again = await Journal.OpenAsync(_directory, cancellationToken: Stop);
        Assert.Equal(events.Count, again.Count);
        Assert.Equal(0, again.RepairedBytes);
        Assert.Equal(_directory, again.Directory);
        Deep.Equal(ResearchHistory.Of(events), again.History);
    }

    [Fact]
    public async Task InMemory_Events_AreCountedAndFolded()
    {
        var events = SampleHistory.Events(trials: 2);
        await using var journal = Journal.InMemory();
        foreach (var e in events) await journal.AppendAsync(e, Stop);
        Assert.Equal(events.Count, journal.Count);
        Assert.Null(journal.Directory);
        Deep.Equal(ResearchHistory.Of(events), journal.History);
    }

    [Fact]
    public async Task AppendAsync_Measurement_IsRefused()
    {
        await using var journal = Journal.InMemory();
        var thrown = await Assert.ThrowsAsync<ArgumentException>(async () =>
            await journal.AppendAsync(new MeasurementReported("e0001", new("loss", 1, 1)), Stop));
        Assert.Contains("streamed only", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await journal.AppendAsync(null!, Stop));
        Assert.Equal(0, journal.Count);
    }

    [Fact]
    public async Task AppendAsync_EventThatDoesNotFit_ChangesNothing()
    {
        var events = SampleHistory.Events(trials: 1);
        await using var journal = await Journal.OpenAsync(_directory, cancellationToken: Stop);
        await journal.AppendAsync(events[0], Stop);
        var length = new FileInfo(FilePath).Length;
        await Assert.ThrowsAsync<InvalidDataException>(async () => await journal.AppendAsync(events[0], Stop));
        Assert.Equal((1, length), (journal.Count, new FileInfo(FilePath).Length));
        await journal.AppendAsync(events[1], Stop);
    }

    [Fact]
    public async Task DisposeAsync_Twice_ClosesOnce()
    {
        WatchedFile? file = null;
        var options = new JournalOptions { OpenFile = path => file = new(JournalFile.Open(path)) };
        var journal = await Journal.OpenAsync(_directory, options, Stop);
        await journal.DisposeAsync();
        await journal.DisposeAsync();
        Assert.Equal(1, file!.Disposals);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
            await journal.AppendAsync(SampleHistory.Events(1)[0], Stop));
        await (await Journal.OpenAsync(_directory, cancellationToken: Stop)).DisposeAsync(); // the lock was given back
    }

    [Fact]
    public async Task OpenAsync_DamagedJournal_ClosesTheFileAndGivesTheLockBack()
    {
        await WriteAsync(1);
        var bytes = await File.ReadAllBytesAsync(FilePath, Stop);
        bytes[100] ^= 1;
        await File.WriteAllBytesAsync(FilePath, bytes, Stop);
        for (var i = 0; i < 2; i++)
        {
            WatchedFile? file = null;
            await Assert.ThrowsAsync<JournalCorruptException>(async () =>
                await Journal.OpenAsync(_directory, new() { OpenFile = path => file = new(JournalFile.Open(path)) }, Stop));
            Assert.Equal(1, file!.Disposals);
        }
    }

    [Fact]
    public async Task OpenAsync_LastLineWithoutNewline_IsEndedAndCounts()
    {
        var events = await WriteAsync(1);
        var whole = await File.ReadAllBytesAsync(FilePath, Stop);
        foreach (var flush in (bool[])[true, false])
        {
            await File.WriteAllBytesAsync(FilePath, whole[..^1], Stop);
            WatchedFile? file = null;
            await using var journal = await Journal.OpenAsync(_directory,
                new() { FlushToDisk = flush, OpenFile = path => file = new WatchedFile(JournalFile.Open(path)) }, Stop);
            Assert.Equal((events.Count, 0), (journal.Count, journal.RepairedBytes));
            Assert.Equal(whole, await File.ReadAllBytesAsync(FilePath, Stop));
            Assert.Equal(flush ? 1 : 0, file!.Flushes);
        }
    }

    [Fact]
    public async Task OpenAsync_TornLines_AreKeptOneAfterTheOther()
    {
        await WriteAsync(1);
        var whole = await File.ReadAllBytesAsync(FilePath, Stop);
        foreach (var torn in (string[])["{\"v\":1,", "{\"half"])
        {
            await File.WriteAllBytesAsync(FilePath, [.. whole, .. Encoding.UTF8.GetBytes(torn)], Stop);
            await using var journal = await Journal.OpenAsync(_directory, cancellationToken: Stop);
            Assert.Equal(torn.Length, journal.RepairedBytes);
            Assert.Equal(whole, await File.ReadAllBytesAsync(FilePath, Stop));
        }
        Assert.Equal("{\"v\":1,\n{\"half\n", await File.ReadAllTextAsync(Path.Combine(_directory, "journal.torn"), Stop));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AppendAsync_FlushToDisk_BeforeItReturnsOrNever(bool flush)
    {
        var events = SampleHistory.Events(trials: 1);
        WatchedFile? file = null;
        await using var journal = await Journal.OpenAsync(_directory,
            new() { FlushToDisk = flush, OpenFile = path => file = new WatchedFile(JournalFile.Open(path)) }, Stop);
        for (var i = 0; i < 3; i++)
        {
            await journal.AppendAsync(events[i], Stop);
            Assert.Equal((i + 1, flush ? i + 1 : 0), (file!.Writes, file.Flushes));
        }
    }

    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(UnauthorizedAccessException))]
    public async Task AppendAsync_FileCannotBeWrittenOrCut_IsTriedAgainByTheNext(Type failure)
    {
        var events = SampleHistory.Events(trials: 1);
        WatchedFile? file = null;
        await using (var journal = await Journal.OpenAsync(_directory,
            new() { OpenFile = path => file = new WatchedFile(JournalFile.Open(path)) }, Stop))
        {
            await journal.AppendAsync(events[0], Stop);
            file!.Failure = () => (Exception)Activator.CreateInstance(failure, "the cable is out")!;
            var thrown = await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync(events[1], Stop));
            Assert.Contains("The event 2 could not be written", thrown.Message, StringComparison.Ordinal);
            Assert.Contains("the cable is out", thrown.Message, StringComparison.Ordinal);
            file.Failure = null;
            foreach (var e in events.Skip(1)) await journal.AppendAsync(e, Stop);
        }
        Assert.Equal((null, events.Count, 0),
            (Journal.Verify(_directory).Problem, Journal.Verify(_directory).Events, Journal.Verify(_directory).TornBytes));
    }

    [Fact]
    public async Task AppendAsync_JournalDeleted_SaysSoAndHowManyEventsAreMissing()
    {
        var events = SampleHistory.Events(trials: 1);
        await using var journal = await Journal.OpenAsync(_directory, cancellationToken: Stop);
        await journal.AppendAsync(events[0], Stop);
        File.Move(FilePath, FilePath + ".away");
        var thrown = await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync(events[1], Stop));
        Assert.Contains("deleted or moved", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("its 1 events", thrown.Message, StringComparison.Ordinal);
        await File.WriteAllTextAsync(FilePath, "something else", Stop);
        Assert.Contains("replaced or changed",
            (await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync(events[1], Stop))).Message,
            StringComparison.Ordinal);
        File.Move(FilePath + ".away", FilePath, overwrite: true);
        await journal.AppendAsync(events[1], Stop);
    }

    [Fact]
    public async Task AppendAsync_EventLongerThanTheReadersBuffer_ComesBack()
    {
        var events = SampleHistory.Events(trials: 1,
            problem: SampleHistory.Problem with { Instructions = new string('x', 300_000) });
        await using (var journal = await Journal.OpenAsync(_directory, new() { FlushToDisk = false }, Stop))
        {
            foreach (var e in events) await journal.AppendAsync(e, Stop);
        }
        Deep.Equal(ResearchHistory.Of(events), await Journal.ReadHistoryAsync(_directory, Stop));
        Deep.Equal(events, await ReadAsync());
    }

    [Fact]
    public async Task Verify_Journal_CountsWhatIsGoodAndNamesWhatIsNot()
    {
        var events = await WriteAsync(2);
        var lines = await File.ReadAllLinesAsync(FilePath, Stop);
        var length = new FileInfo(FilePath).Length;
        var hash = lines[^1][^66..^2];
        Assert.Equal(new(events.Count, length, hash, 0, null), Journal.Verify(_directory));
        Assert.True(Journal.Verify(_directory).IsValid);

        await File.AppendAllTextAsync(FilePath, "{\"torn", Stop);
        Assert.Equal(new(events.Count, length, hash, 6, null), Journal.Verify(_directory));

        await File.WriteAllTextAsync(FilePath, string.Join('\n',
            [.. lines[..3], lines[3].Replace("\"seq\":4", "\"seq\":5", StringComparison.Ordinal), .. lines[4..]]) + "\n", Stop);
        var damaged = Journal.Verify(_directory);
        Assert.Equal((3, lines[2][^66..^2], false), (damaged.Events, damaged.LastHash, damaged.IsValid));
        Assert.Contains("damaged at line 4", damaged.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadAsync_NoJournal_NamesDirectoryAndFile()
    {
        var thrown = await Assert.ThrowsAsync<FileNotFoundException>(ReadAsync);
        Assert.Contains($"There is no journal in '{_directory}'", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(FilePath, thrown.FileName);
        Assert.Throws<ArgumentException>(() => Journal.Verify(" "));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Journal.OpenAsync(" ", cancellationToken: Stop));
    }

    [Fact]
    public async Task ReadAsync_LoopIsWriting_ReadsWhatIsThereWithoutALock()
    {
        var events = SampleHistory.Events(trials: 1);
        await using var journal = await Journal.OpenAsync(_directory, cancellationToken: Stop);
        for (var i = 0; i < 4; i++) await journal.AppendAsync(events[i], Stop);
        Deep.Equal(events.Take(4), await ReadAsync());
    }

    [Fact]
    public async Task ReadAsync_Cancelled_Stops()
    {
        await WriteAsync(1);
        using var cancelled = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in Journal.ReadAsync(_directory, cancelled.Token)) await cancelled.CancelAsync();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await Journal.ReadHistoryAsync(_directory, cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await Journal.OpenAsync(_directory, cancellationToken: cancelled.Token));
    }

    private async Task<List<ResearchEvent>> ReadAsync() => await Journal.ReadAsync(_directory, Stop).ToListAsync();

    private async Task<IReadOnlyList<ResearchEvent>> WriteAsync(int trials)
    {
        var events = SampleHistory.Events(trials);
        await using var journal = await Journal.OpenAsync(_directory, new() { FlushToDisk = false }, Stop);
        foreach (var e in events) await journal.AppendAsync(e, Stop);
        return events;
    }

    private sealed class WatchedFile(IJournalFile inner) : IJournalFile
    {
        public int Writes { get; private set; }

        public int Flushes { get; private set; }

        public int Disposals { get; private set; }

        public Func<Exception>? Failure { get; set; }

        public long Length => inner.Length;

        public int Read(Span<byte> buffer, long offset) => inner.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            Writes++;
            inner.Write(Failure is null ? bytes : bytes[..10], offset);
            if (Failure is not null) throw Failure();
        }

        public void SetLength(long length)
        {
            if (Failure is not null) throw Failure();
            inner.SetLength(length);
        }

        public void FlushToDisk()
        {
            Flushes++;
            inner.FlushToDisk();
        }

        public void Dispose()
        {
            Disposals++;
            inner.Dispose();
        }
    }
}
