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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RunAsync_JournalDeletedOrReplacedUnderfoot_StopsAndResumesFromTheCopy(bool replaced)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows keeps the name of an open file");
        var (path, copy) = (Path.Combine(_directory, Journal.FileName), Path.Combine(_directory, "copy"));
        await using (var loop = Build().Build())
        {
            var e = await Assert.ThrowsAsync<JournalException>(async () =>
            {
                await foreach (var seen in loop.RunAsync(8, Stop))
                {
                    if (seen is not ExperimentFinished { ExperimentId: "e0003" }) continue;
                    File.Move(path, copy);
                    if (replaced) await File.WriteAllTextAsync(path, "something else", Stop);
                }
            });
            Assert.Contains(path, e.Message, StringComparison.Ordinal);
            Assert.Contains(replaced ? "replaced" : "deleted", e.Message, StringComparison.Ordinal);
        }
        File.Move(copy, path, overwrite: true);
        await using var next = Build().Build();
        await next.ResumeAsync(8, Stop).ToListAsync();
        Assert.Equal(8, next.History.ExperimentsFinished);
        Assert.True(Journal.Verify(_directory).IsValid);
    }

    [Fact]
    public async Task RunAsync_DirectoryThatCannotBeWritten_SaysWhichBeforeAnythingRuns()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc refuses even the administrator");
        var runner = Loops.Score(x => x);
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner).RecordTo("/proc/autoresearch-run").Build();
        var e = await Assert.ThrowsAnyAsync<SystemException>(() => loop.RunAsync(3, Stop).ToListAsync());
        Assert.True(e is IOException or UnauthorizedAccessException, e.ToString());
        Assert.Contains("/proc/autoresearch-run", e.Message, StringComparison.Ordinal);
        Assert.Empty(runner.Experiments);
    }

    [Fact]
    public async Task RunAsync_DirectoryLockedByAnotherProcess_WaitsForNobodyAndRunsOnceThatIsKilled()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/flock"), "needs flock");
        // Only flock itself holds the lock, so that nothing is left of it when that is gone.
        using var other = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/usr/bin/flock",
            ["--close", Path.Combine(_directory, "journal.lock"), "cat"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        await other.StandardInput.WriteLineAsync("held");
        await other.StandardInput.FlushAsync(Stop);
        Assert.Equal("held", await other.StandardOutput.ReadLineAsync(Stop)); // cat runs, so the lock is held
        await using (var loop = Build().Build())
            await Assert.ThrowsAsync<JournalLockedException>(() => loop.RunAsync(3, Stop).ToListAsync());
        other.Kill(entireProcessTree: true);
        await other.WaitForExitAsync(Stop);
        await using var next = Build().Build();
        await next.RunAsync(3, Stop).ToListAsync();
        Assert.Equal(3, next.History.ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_ClockSetBack_TimeIsNeverTakenAwayAndTheLimitStillHolds()
    {
        var clock = new JumpingClock();
        var runner = new ScriptedRunner(e =>
        {
            clock.Now += TimeSpan.FromMinutes(10);
            if (e.Id == "e0003") clock.Now -= TimeSpan.FromDays(30);
            return Loops.Completed(1);
        });
        await using (var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, clock: clock).RecordTo(_directory)
            .Configure(o => o.MaxTime = TimeSpan.FromHours(1)).Build())
        {
            var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            Assert.Equal(StopReason.MaxTime, events.Stop().Reason);
            Assert.Equal(7, loop.History.ExperimentsFinished); // an hour of work, and the one in which the clock jumped
            Assert.Equal(TimeSpan.FromHours(1), loop.History.ActiveTime);
        }
        Assert.True(Journal.Verify(_directory).IsValid);
        Assert.Equal(7, (await Journal.ReadHistoryAsync(_directory, Stop)).ExperimentsFinished);
    }

    private sealed class JumpingClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
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
        ResearchLoopBuilder Build(IHypothesisProposer proposer) =>
            Loops.Build(proposer, Loops.Score(x => x), problem: problem).RecordTo(_directory);
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

    private ResearchLoopBuilder Build() =>
        Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 / (1.0 + x))).RecordTo(_directory);

    private static Verdict?[] Verdicts(ResearchHistory history) => [.. history.Trials.Select(t => t.Verdict)];
}
