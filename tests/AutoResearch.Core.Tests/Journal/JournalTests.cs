namespace AutoResearch.Tests;

public sealed class JournalTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("journal-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task AppendAsync_Reopened_HistoryIsTheSame()
    {
        var events = SampleHistory.Events(trials: 12);
        await using (var journal = await Journal.OpenAsync(_directory, cancellationToken: Stop))
        {
            foreach (var e in events) await journal.AppendAsync(e, Stop);
        }
        await using var again = await Journal.OpenAsync(_directory, cancellationToken: Stop);
        Assert.Equal(events.Count, again.Count);
        Assert.Equal(0, again.RepairedBytes);
        Deep.Equal(ResearchHistory.Of(events), again.History);
        Assert.True(Journal.Verify(_directory).IsValid);
    }
}
