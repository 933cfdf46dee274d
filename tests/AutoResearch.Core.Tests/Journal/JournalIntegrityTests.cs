using System.Text;
using AutoResearch.Tests;

namespace AutoResearch.Core.Tests.Journals;

/// <summary>What a journal promises when files are cut, changed, shared or full.</summary>
public sealed class JournalIntegrityTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("journal-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string FilePath => Path.Combine(_directory, Journal.FileName);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task OpenAsync_CutAnywhereInTheLastLine_KeepsAllBeforeIt()
    {
        var events = await WriteAsync(2);
        var whole = await File.ReadAllBytesAsync(FilePath, Token);
        var lastLine = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;

        for (var length = lastLine; length < whole.Length; length += 7)
        {
            await File.WriteAllBytesAsync(FilePath, whole[..length], Token);
            await using var journal = await Journal.OpenAsync(_directory, null, Token);
            Assert.Equal(events.Count - 1, journal.Count);
            Assert.Equal(length - lastLine, journal.RepairedBytes);
            await journal.AppendAsync(events[^1], Token);
            Assert.Equal(whole.Length, new FileInfo(FilePath).Length);
        }
    }

    [Fact]
    public async Task OpenAsync_OneByteChanged_IsNoticed()
    {
        await WriteAsync(2);
        var whole = await File.ReadAllBytesAsync(FilePath, Token);
        var lastLine = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;
        var random = new Random(1);

        for (var i = 0; i < 200; i++)
        {
            var changed = (byte[])whole.Clone();
            changed[random.Next(lastLine)] ^= (byte)(1 << random.Next(8));
            await File.WriteAllBytesAsync(FilePath, changed, Token);
            await Assert.ThrowsAnyAsync<JournalException>(async () =>
                await (await Journal.OpenAsync(_directory, null, Token)).DisposeAsync());
            Assert.Equal(changed, await File.ReadAllBytesAsync(FilePath, Token));
        }
    }

    [Fact]
    public async Task OpenAsync_LineRemovedOrSwapped_IsNoticed()
    {
        await WriteAsync(2);
        var lines = await File.ReadAllLinesAsync(FilePath, Token);
        string[][] broken = [[.. lines[..3], .. lines[4..]], [.. lines[..3], lines[4], lines[3], .. lines[5..]], [.. lines[1..]]];

        foreach (var text in broken)
        {
            await File.WriteAllTextAsync(FilePath, string.Join('\n', text) + "\n", Token);
            var e = await Assert.ThrowsAsync<JournalCorruptException>(async () =>
                await Journal.OpenAsync(_directory, null, Token));
            Assert.Contains(FilePath, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ReadAsync_EveryEvent_ComesBackEqual()
    {
        var events = await WriteAsync(25);

        var read = new List<ResearchEvent>();
        await foreach (var e in Journal.ReadAsync(_directory, Token)) read.Add(e);

        await using var copy = await Journal.OpenAsync(Path.Combine(_directory, "copy"), null, Token);
        foreach (var e in read) await copy.AppendAsync(e, Token);
        Assert.Equal(events.Count, read.Count);
        Assert.Equal(await File.ReadAllTextAsync(FilePath, Token),
            await File.ReadAllTextAsync(Path.Combine(_directory, "copy", Journal.FileName), Token));
    }

    [Fact]
    public async Task OpenAsync_Twice_TheSecondIsRefusedAndNamesTheDirectory()
    {
        await using var first = await Journal.OpenAsync(_directory, null, Token);
        var e = await Assert.ThrowsAsync<JournalLockedException>(async () => await Journal.OpenAsync(_directory, null, Token));
        Assert.Contains(_directory, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_NewerVersion_NamesBoth()
    {
        await WriteAsync(1);
        var text = await File.ReadAllTextAsync(FilePath, Token);
        var line = text[..text.IndexOf('\n', StringComparison.Ordinal)].Replace("{\"v\":1,", "{\"v\":7,",
            StringComparison.Ordinal);
        var body = line[..line.LastIndexOf(",\"hash\"", StringComparison.Ordinal)];
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        await File.WriteAllTextAsync(FilePath, $"{body},\"hash\":\"{hash}\"}}\n", Token);

        var e = await Assert.ThrowsAsync<JournalVersionException>(async () => await Journal.OpenAsync(_directory, null, Token));

        Assert.Contains("7", e.Message, StringComparison.Ordinal);
        Assert.Contains("1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_GoodAndDamaged_SaysWhich()
    {
        var events = await WriteAsync(2);
        Assert.Null(Journal.Verify(_directory).Problem);

        var bytes = await File.ReadAllBytesAsync(FilePath, Token);
        bytes[500] ^= 1;
        await File.WriteAllBytesAsync(FilePath, bytes, Token);

        Assert.NotNull(Journal.Verify(_directory).Problem);
        Assert.NotEmpty(events);
    }

    [Fact]
    public async Task AppendAsync_DiskFull_LosesNothingAndGoesOnLater()
    {
        var events = SampleHistory.Events(2);
        FullDisk? disk = null;
        await using (var journal = await Journal.OpenAsync(_directory,
            new() { OpenFile = path => disk = new FullDisk(JournalFile.Open(path)) }, Token))
        {
            await journal.AppendAsync(events[0], Token);
            disk!.IsFull = true;
            await Assert.ThrowsAnyAsync<JournalException>(async () => await journal.AppendAsync(events[1], Token));
            Assert.Equal(1, journal.Count);
            Assert.Empty(journal.History.Running);

            disk.IsFull = false;
            foreach (var e in events.Skip(1)) await journal.AppendAsync(e, Token);
        }
        Assert.Null(Journal.Verify(_directory).Problem);
        Assert.Equal(events.Count, Journal.Verify(_directory).Events);
    }

    [Fact]
    public async Task OpenAsync_NewDirectory_NamesOfFileAndDirectoryAreFlushed()
    {
        var directory = Path.Combine(_directory, "new");
        var flushed = new List<string>();

        await using (await Journal.OpenAsync(directory, new() { FlushDirectory = flushed.Add }, Token))
            Assert.Equal([directory, _directory], flushed);
        await using var journal = await Journal.OpenAsync(directory, null, Token);
        await journal.AppendAsync(SampleHistory.Events(1)[0], Token);
        await journal.DisposeAsync();
        flushed.Clear();
        await using (await Journal.OpenAsync(directory, new() { FlushDirectory = flushed.Add }, Token)) Assert.Empty(flushed);
    }

    [Fact]
    public void Flush_DirectoryMissing_IsAnIOExceptionThatNamesIt()
    {
        if (OperatingSystem.IsWindows()) return;
        DirectoryEntries.Flush(_directory);
        var missing = Path.Combine(_directory, "missing");
        Assert.Contains(missing, Assert.Throws<IOException>(() => DirectoryEntries.Flush(missing)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_TornLine_TheCopyIsOnTheDiskBeforeTheCut()
    {
        await WriteAsync(1);
        var bytes = await File.ReadAllBytesAsync(FilePath, Token);
        await File.WriteAllBytesAsync(FilePath, bytes[..^20], Token);
        var calls = new List<string>();

        await using (await Journal.OpenAsync(_directory,
            new() { OpenFile = path => new Recorder(JournalFile.Open(path), Path.GetFileName(path), calls) }, Token))
            Assert.Equal(["write journal.torn", "flush journal.torn", "cut journal.jsonl", "flush journal.jsonl"], calls);
    }

    [Fact]
    public async Task AppendAsync_ChangeOfAnUnknownType_NamesTypeAndFixAndWritesNothing()
    {
        var events = SampleHistory.Events(1);
        await using var journal = await Journal.OpenAsync(_directory, null, Token);
        var proposed = events.OfType<HypothesisProposed>().First();
        foreach (var e in events.TakeWhile(e => e != proposed)) await journal.AppendAsync(e, Token);
        var length = new FileInfo(FilePath).Length;
        var own = proposed with { Hypothesis = proposed.Hypothesis with { Change = new OwnChange() } };

        var thrown = await Assert.ThrowsAsync<ArgumentException>(async () => await journal.AppendAsync(own, Token));

        Assert.Contains(typeof(OwnChange).FullName!, thrown.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(ParameterChange), thrown.Message, StringComparison.Ordinal);
        Assert.Equal(length, new FileInfo(FilePath).Length);
        await journal.AppendAsync(proposed, Token);
        Assert.Single(journal.History.Trials);
    }

    [Fact]
    public async Task ReadHistoryAsync_EventThatDoesNotFit_IsAJournalExceptionWithItsLine()
    {
        var position = JournalPosition.Start;
        var events = SampleHistory.Events(1);
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        await using (var file = File.Create(FilePath))
        {
            foreach (var e in (ResearchEvent[])[events[0], events[1], events[1]])
            {
                await using var json = new System.Text.Json.Utf8JsonWriter(text);
                var hash = JournalLine.Write(text, json, position.Sequence + 1, position.Hash, e);
                await file.WriteAsync(text.WrittenMemory, Token);
                position = new(position.Sequence + 1, hash, position.Offset + text.WrittenCount);
            }
        }

        var thrown = await Assert.ThrowsAsync<JournalCorruptException>(async () =>
            await Journal.ReadHistoryAsync(_directory, Token));

        Assert.Equal(3, thrown.Line);
        Assert.Equal(position.Offset - text.WrittenCount, thrown.Offset);
        Assert.Contains("started twice", thrown.Message, StringComparison.Ordinal);
    }

    private sealed record OwnChange : Change
    {
        public override Candidate ApplyTo(Candidate parent) => parent;
    }

    private sealed class Recorder(IJournalFile inner, string name, List<string> calls) : IJournalFile
    {
        public long Length => inner.Length;

        public int Read(Span<byte> buffer, long offset) => inner.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            calls.Add($"write {name}");
            inner.Write(bytes, offset);
        }

        public void SetLength(long length)
        {
            calls.Add($"cut {name}");
            inner.SetLength(length);
        }

        public void FlushToDisk()
        {
            calls.Add($"flush {name}");
            inner.FlushToDisk();
        }

        public void Dispose() => inner.Dispose();
    }

    // Writes half of a line before it fails, as a full disk does.
    private sealed class FullDisk(IJournalFile inner) : IJournalFile
    {
        public bool IsFull { get; set; }

        public long Length => inner.Length;

        public int Read(Span<byte> buffer, long offset) => inner.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            inner.Write(IsFull ? bytes[..(bytes.Length / 2)] : bytes, offset);
            if (IsFull) throw new IOException("No space left on device");
        }

        public void SetLength(long length) => inner.SetLength(length);

        public void FlushToDisk() => inner.FlushToDisk();

        public void Dispose() => inner.Dispose();
    }

    private async Task<IReadOnlyList<ResearchEvent>> WriteAsync(int trials)
    {
        var events = SampleHistory.Events(trials);
        await using var journal = await Journal.OpenAsync(_directory, null, Token);
        foreach (var e in events) await journal.AppendAsync(e, Token);
        return events;
    }
}
