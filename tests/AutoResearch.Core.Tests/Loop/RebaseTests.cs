using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>What becomes of an idea that was accepted after another one had changed the same candidate.</summary>
public sealed class RebaseTests
{
    private const string File = "train.py";
    private const string Text = "lr = 1\ndepth = 2\nwidth = 3\nbatch = 4\nseed = 5\n";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static Candidate Base { get; } = Source(Text) with { Parameters = ParameterSet.Of(("x", 0), ("y", 0)) };

    private static Candidate Source(string? text) => new()
    {
        Source = new SourceTree(text is null ? [new("other.py", "pass\n")] : [new("other.py", "pass\n"), new(File, text)]),
    };

    private static SourceChange Write(string text) => new([new WriteFile(File, text)]);

    private static ResearchProblem Problem(Candidate baseline) => Loops.Problem with { Baseline = baseline };

    /// <summary>
    /// The history of a loop in which the first idea became the incumbent while the second one, proposed before, was accepted.
    /// </summary>
    private static ResearchHistory Stale(Candidate baseline, Change first, Change second)
    {
        Hypothesis Idea(Change change) => new() { ParentId = baseline.Id, Change = change, Title = "idea" };
        var (one, two) = (baseline.Apply(first), baseline.Apply(second));
        var accept = new Accept { Reason = "better" };
        return ResearchHistory.Of([
            new LoopStarted(Problem(baseline), 0), new HypothesisProposed(1, Idea(first), one),
            new HypothesisProposed(2, Idea(second), two), new TrialJudged(1, accept), new IncumbentAdvanced(1, 1, one.Id),
            new TrialJudged(2, accept)
        ]);
    }

    private static (Hypothesis Hypothesis, string? Conflict) Merge(Candidate baseline, Change first, Change second)
    {
        var history = Stale(baseline, first, second);
        return Rebase.Onto(history, history.Trials[1], history.State.Incumbent);
    }

    private static Candidate Merged(Candidate baseline, Change first, Change second)
    {
        var (hypothesis, conflict) = Merge(baseline, first, second);
        Assert.Null(conflict);
        Assert.Equal(baseline.Apply(first).Id, hypothesis.ParentId);
        return baseline.Apply(first).Apply(hypothesis.Change);
    }

    [Fact]
    public void Onto_WholeFileWhoseOtherLineTheIncumbentChanged_HasBothChanges()
    {
        var merged = Merged(Base, Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal)),
            Write(Text.Replace("batch = 4", "batch = 40", StringComparison.Ordinal)));
        Assert.Equal("lr = 10\ndepth = 2\nwidth = 3\nbatch = 40\nseed = 5\n", merged.Source![File]);
    }

    [Fact]
    public void Onto_WholeFileWhoseLineTheIncumbentChanged_Conflicts()
    {
        var (hypothesis, conflict) = Merge(Base, Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal)),
            Write(Text.Replace("lr = 1", "lr = 20", StringComparison.Ordinal)));
        Assert.Equal($"conflicts with the present incumbent, which has changed the same lines of '{File}' since", conflict);
        Assert.Equal(2, hypothesis.RebaseOf);
    }

    [Fact]
    public void Onto_ParametersAndWholeFile_AreBothMerged()
    {
        var first = new CombinedChange(
            [ParameterChange.Of(("x", 1)), Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal))]);
        var second = new CombinedChange(
            [ParameterChange.Of(("y", 2)), Write(Text.Replace("seed = 5", "seed = 50", StringComparison.Ordinal))]);
        var merged = Merged(Base, first, second);
        Assert.Equal(ParameterSet.Of(("x", 1), ("y", 2)), merged.Parameters);
        Assert.Equal("lr = 10\ndepth = 2\nwidth = 3\nbatch = 4\nseed = 50\n", merged.Source![File]);
    }

    [Fact]
    public void Onto_ParameterWithinACombinedChange_Conflicts()
    {
        var conflict = Merge(Base, ParameterChange.Of(("x", 1)),
            new CombinedChange([ParameterChange.Of(("x", 2)), Write("new\n")])).Conflict;
        Assert.StartsWith("conflicts with the present incumbent, which has set x to 1 since", conflict, StringComparison.Ordinal);
    }

    [Fact]
    public void Onto_SeveralEditsOfOneFile_TheLastTextIsMerged()
    {
        var second = new SourceChange([new WriteFile(File, "draft\n"), new DeleteFile(File), new WriteFile(File, Text),
            new ReplaceText(File, "seed = 5", "seed = 50")]);
        Assert.Equal("lr = 10\ndepth = 2\nwidth = 3\nbatch = 4\nseed = 50\n",
            Merged(Base, Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal)), second).Source![File]);
    }

    [Fact]
    public void Onto_PassageThatIsStillThere_IsReplacedAsProposed()
    {
        // Lines that touch are no conflict for a replacement that finds its passage.
        var second = new SourceChange([new ReplaceText(File, "depth = 2", "depth = 20")]);
        var (hypothesis, conflict) = Merge(Base, Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal)), second);
        Assert.Null(conflict);
        Assert.Same(second, hypothesis.Change);
    }

    [Fact]
    public void Onto_PassageQuotedWithLinesThatHaveChanged_IsMergedByLines()
    {
        var second = new SourceChange([new ReplaceText(File, "lr = 1\ndepth = 2\nwidth = 3", "lr = 1\ndepth = 2\nwidth = 30")]);
        Assert.Equal("lr = 10\ndepth = 2\nwidth = 30\nbatch = 4\nseed = 5\n",
            Merged(Base, Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal)), second).Source![File]);
    }

    [Theory]
    [InlineData(null, "changed\n", "deleted 'train.py'")]
    [InlineData("changed\n", null, "changed 'train.py', which the idea deletes,")]
    public void Onto_OneDeletesWhatTheOtherChanges_Conflicts(string? ours, string? theirs, string expected)
    {
        static Change Of(string? text) => text is null ? new SourceChange([new DeleteFile(File)]) : Write(text);
        Assert.Equal($"conflicts with the present incumbent, which has {expected} since",
            Merge(Base, Of(ours), Of(theirs)).Conflict);
    }

    [Fact]
    public void Onto_BothDeleteTheFile_NothingIsLeftToDelete()
    {
        var delete = new DeleteFile(File);
        var merged = Merged(Base, new SourceChange([delete]), new SourceChange([delete, new WriteFile("other.py", "new\n")]));
        Assert.False(merged.Source!.ContainsKey(File));
        Assert.Equal("new\n", merged.Source["other.py"]);
    }

    [Fact]
    public void Onto_DeletionOfAFileThatIsUnchanged_DeletesIt()
    {
        var merged = Merged(Base, new SourceChange([new WriteFile("other.py", "new\n")]),
            new SourceChange([new DeleteFile(File)]));
        Assert.Equal("other.py", Assert.Single(merged.Source!).Key);
    }

    [Fact]
    public void Onto_BothCreateTheFileDifferently_Conflicts()
    {
        var conflict = Merge(Source(null), Write("one\n"), Write("two\n")).Conflict;
        Assert.Equal($"conflicts with the present incumbent, which has created '{File}' with another text since", conflict);
    }

    [Fact]
    public void Onto_ANewFile_IsCreatedBesideTheIncumbents()
    {
        var merged = Merged(Base with { Source = null }, ParameterChange.Of(("x", 1)), Write("new\n"));
        Assert.Equal(("new\n", 1L), (merged.Source![File], merged.Parameters["x"].AsInteger()));
    }

    [Fact]
    public void Onto_IdeaThatWasMadeOfAnEarlierCandidate_BringsAllThatWasMeasured()
    {
        // Its parent had y = 2, which the incumbent it was compared with had not.
        var parent = Base.Apply(ParameterChange.Of(("y", 2)));
        var change = Write("new\n");
        var history = Stale(Base, ParameterChange.Of(("x", 1)), change);
        var trial = history.Trials[1] with
        {
            Candidate = parent.Apply(change),
            Hypothesis = history.Trials[1].Hypothesis with { ParentId = parent.Id },
        };
        var (hypothesis, conflict) = Rebase.Onto(history, trial, history.State.Incumbent);
        Assert.Null(conflict);
        var merged = history.State.Incumbent.Candidate.Apply(hypothesis.Change);
        Assert.Equal(ParameterSet.Of(("x", 1), ("y", 2)), merged.Parameters);
        Assert.Equal("new\n", merged.Source![File]);
    }

    [Fact]
    public async Task RunAsync_TwoWholeFilesAtOnce_TheMergedOneIsMeasuredAndKeptAlsoAfterAKill()
    {
        var journal = new RecordingJournal();
        await RunAsync(journal, second: Text.Replace("seed = 5", "seed = 50", StringComparison.Ordinal));
        var history = journal.History;
        Assert.Equal("lr = 10\ndepth = 2\nwidth = 3\nbatch = 4\nseed = 50\n", history.State.Incumbent.Candidate.Source![File]);
        Assert.Equal(3, history.State.Incumbent.Trial);

        // A loop that is killed right before the merged idea is recorded merges it again, to the same candidate.
        var until = journal.Events.ToList().FindIndex(e => e is HypothesisProposed { Trial: 3 });
        var resumed = new RecordingJournal([.. journal.Events.Take(until)]);
        await RunAsync(resumed, second: null);
        Assert.Equal(history.Trials[2].Hypothesis.Title, resumed.History.Trials[2].Hypothesis.Title);
        Assert.Equal(history.Trials[2].Candidate, resumed.History.Trials[2].Candidate);
        Assert.Equal(history.State.Incumbent.Candidate, resumed.History.State.Incumbent.Candidate);
    }

    [Fact]
    public async Task RunAsync_TwoWholeFilesWithTheSameLine_TheProposerIsTold()
    {
        var journal = new RecordingJournal();
        await RunAsync(journal, second: Text.Replace("lr = 1", "lr = 20", StringComparison.Ordinal));
        Assert.Contains("changed the same lines of 'train.py'",
            Assert.IsType<Reject>(journal.History.State.Trials[2].Verdict).Reason, StringComparison.Ordinal);
        Assert.Equal(1, journal.History.State.Incumbent.Trial);
    }

    /// <summary>
    /// Two ideas run at once; the second ends only when the first is the incumbent. Every digit 0 in the file is a gain.
    /// </summary>
    private static async Task RunAsync(RecordingJournal journal, string? second)
    {
        var (begun, advanced, waiting) = (new TaskCompletionSource(), new TaskCompletionSource(), 0);
        var proposer = new ScriptedProposer(s => s.NextTrial switch
        {
            1 => new()
            {
                ParentId = Base.Id,
                Change = Write(Text.Replace("lr = 1", "lr = 10", StringComparison.Ordinal)),
                Title = "first",
            },
            2 => new() { ParentId = Base.Id, Change = Write(second!), Title = "second" },
            _ => null,
        });
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            if (e.Trial is 1 or 2)
            {
                if (Interlocked.Increment(ref waiting) == 2) begun.SetResult();
                await (e.Trial == 1 ? begun : advanced).Task.WaitAsync(token);
            }
            return Loops.Completed(10 - e.Candidate.Source![File].Count(c => c == '0'));
        });
        await using var loop = Loops.Build(proposer, runner, journal, Problem(Base)).Configure(o => o.MaxParallel = 2)
            .Resume().Build();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            if (e is IncumbentAdvanced) advanced.TrySetResult();
        }
    }
}
