using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ResearchLoopOnDiskTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("loop-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task ResumeAsync_AfterDisposal_GoesOnFromTheFile()
    {
        await using (var loop = Build().Build()) await loop.RunAsync(3, Stop).ToListAsync();
        await using (var loop = Build().Build()) await loop.ResumeAsync(6, Stop).ToListAsync();
        Assert.True(Journal.Verify(_directory).IsValid);
        var history = await Journal.ReadHistoryAsync(_directory, Stop);
        Assert.Equal(6, history.ExperimentsFinished);

        await using var whole = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 / (1.0 + x))).Build();
        await whole.RunAsync(6, Stop).ToListAsync();
        Deep.Equal(Verdicts(whole.History), Verdicts(history));
    }

    [Fact]
    public async Task RunAsync_DirectoryHasAJournal_IsRefused()
    {
        await using (var loop = Build().Build()) await loop.RunAsync(2, Stop).ToListAsync();
        await using var again = Build().Build();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => again.RunAsync(3, Stop).ToListAsync());
        Assert.Contains(_directory, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_TwoLoopsOnOneDirectory_TheSecondIsRefusedAndTheFirstGoesOn()
    {
        await using var first = Build().Build();
        await using var second = Build().Resume().Build();
        var events = 0;
        await foreach (var e in first.RunAsync(4, Stop))
        {
            if (events++ == 3) await Assert.ThrowsAsync<JournalLockedException>(() => second.RunAsync(4, Stop).ToListAsync());
        }
        Assert.Equal(4, first.History.ExperimentsFinished);
        await first.DisposeAsync();
        await second.RunAsync(5, Stop).ToListAsync(); // the lock is free now
        Assert.Equal(5, second.History.ExperimentsFinished);
    }

    [Fact]
    public async Task ResumeAsync_SearchSpace_IsTheCallersEvenThoughTheJournalLacksIt()
    {
        var problem = Loops.Problem with { SearchSpace = new SearchSpace() };
        ResearchLoopBuilder Build(IHypothesisProposer proposer) => Loops.Build(proposer, Loops.Score(x => x), problem: problem).RecordTo(_directory);
        await using (var loop = Build(ScriptedProposer.Counting("x")).Build()) await loop.RunAsync(2, Stop).ToListAsync();
        SearchSpace? seen = null;
        await using (var loop = Build(new ScriptedProposer(s => { seen = s.Problem.SearchSpace; return null; })).Build())
            await loop.ResumeAsync(cancellationToken: Stop).ToListAsync();
        Assert.Same(problem.SearchSpace, seen);
    }

    [Fact]
    public async Task RunAsync_DirectoryIsAFile_ThrowsAndCanBeDisposed()
    {
        var file = Path.Combine(_directory, "file");
        await File.WriteAllTextAsync(file, "", Stop);
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x)).RecordTo(file).Build();
        await Assert.ThrowsAnyAsync<IOException>(() => loop.RunAsync(2, Stop).ToListAsync());
    }

    private ResearchLoopBuilder Build() => Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 / (1.0 + x))).RecordTo(_directory);

    private static Verdict?[] Verdicts(ResearchHistory history) => [.. history.Trials.Select(t => t.Verdict)];
}
