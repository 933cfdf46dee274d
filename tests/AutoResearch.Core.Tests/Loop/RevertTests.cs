using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class RevertTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RevertAsync_ToAnEarlierVersion_GoesOnFromThere()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3, 5), Loops.Score(x => -x), journal)
            .Configure(o => o.MaxTrials = 3).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        var e = await loop.RevertAsync(1, "ann", "2 and 3 overfit", Stop);

        Assert.Equal((4, 1, Candidate.Of(("x", 1)).Id), (e.Version, e.To, e.CandidateId));
        var incumbent = loop.History.State.Incumbent;
        Assert.Equal((4, 1, new Reversion(1, "ann", "2 and 3 overfit")),
            (incumbent.Version, incumbent.Trial, incumbent.Reversion));
        Assert.Equal(-1, Assert.Single(incumbent.Runs).Result.Metrics[Loops.Metric]);
        Assert.Equal([0, 1], loop.History.Lineage.Select(i => i.Version));

        await using var resumed = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3, 5), Loops.Score(x => -x),
            new RecordingJournal(journal.Events)).Configure(o => o.MaxTrials = 4).Build();
        await resumed.ResumeAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(Candidate.Of(("x", 1)).Id, resumed.History.Trials[3].Hypothesis.ParentId);
        Assert.Equal((5, 4), (resumed.History.State.Incumbent.Version, resumed.History.State.Incumbent.Trial));
        Assert.Equal([0, 1, 5], resumed.History.Lineage.Select(i => i.Version));
        Assert.Contains(ReportText.Facts(resumed.History),
            f => f == ("Reverted", "version 3 to version 1, by ann: 2 and 3 overfit"));
        Assert.Contains("2 ideas were kept", ReportText.Headline(resumed.History), StringComparison.Ordinal);
        Assert.Contains("version 3 to version 1", new ResearchReport(resumed.History).ToMarkdown(), StringComparison.Ordinal);
        Assert.Contains("version 3 to version 1", new ResearchReport(resumed.History).ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RevertAsync_ToTheBaseline_LeavesNothingToClaim()
    {
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2), Loops.Score(x => -x))
            .Configure(o => (o.MaxTrials, o.ClaimRounds, o.FinalRuns) = (2, 2, 1)).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.NotNull(loop.History.Gain);

        await loop.RevertAsync(0, "ann", "", Stop);
        var runs = loop.History.ExperimentsFinished;
        await loop.ResumeAsync(cancellationToken: Stop).ToListAsync();

        Assert.Null(loop.History.Gain);
        Assert.Null(loop.History.Claims);
        Assert.Equal(runs, loop.History.ExperimentsFinished);
        Assert.Equal([0], loop.History.Lineage.Select(i => i.Version));
    }

    [Fact]
    public async Task RevertAsync_ThenAgain_ClaimsAreMadeOfTheLineageOnly()
    {
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3), Loops.Score(x => -x))
            .Configure(o => (o.MaxTrials, o.ClaimRounds, o.FinalRuns) = (3, 6, 2)).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        await loop.RevertAsync(1, "ann", "", Stop);
        await loop.RevertAsync(2, "ann", "too far", Stop); // 0 1 2 3 (4 = 1) (5 = 2)

        await loop.ResumeAsync(cancellationToken: Stop).ToListAsync();

        Assert.Equal([0, 1, 2], loop.History.Lineage.Select(i => i.Version));
        Assert.Equal([1, 2], loop.History.Claims!.Claims.Select(c => c.Trial));
        Assert.Equal(2, loop.History.Gain!.Gain);
    }

    [Fact]
    public async Task RevertAsync_Plateau_CountsFromTheReversion()
    {
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, -1, -2, -3, -4, -5, -6, -7), Loops.Score(x => -x))
            .Configure(o => o.PlateauTrials = 3).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal((4, StopReason.Plateau), (loop.History.Trials.Count, loop.History.Stop!.Reason));

        await loop.RevertAsync(0, "ann", "", Stop);
        await loop.ResumeAsync(cancellationToken: Stop).ToListAsync();

        Assert.Equal(7, loop.History.Trials.Count);
    }

    [Fact]
    public async Task RevertAsync_NoSuchVersion_ChangesNothing()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => -x), journal).Build();
        await Assert.ThrowsAsync<InvalidOperationException>(() => loop.RevertAsync(0, "ann", "", Stop).AsTask());
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        var events = journal.Events.Count;

        foreach (var version in (int[])[-1, 1, 2])
            Assert.Contains("from 0", (await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() =>
                loop.RevertAsync(version, "ann", "", Stop).AsTask())).Message, StringComparison.Ordinal);
        Assert.Equal(events, journal.Events.Count);
        await loop.RevertAsync(0, "ann", "", Stop);
        Assert.Contains("already",
            (await Assert.ThrowsAsync<InvalidOperationException>(() => loop.RevertAsync(0, "ann", "", Stop).AsTask())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task RevertAsync_InGit_MakesACommitWithTheEarlierTree()
    {
        using var repository = await TestRepository.CreateAsync(("train.py", "x = 0\n"), ("prepare.py", "fixed\n"));
        var journal = new RecordingJournal();
        await using (var workspace = await repository.OpenAsync())
        {
            await using var loop = Build(workspace, journal, 2);
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            await loop.RevertAsync(1, "ann", "a bad idea", Stop);
            Assert.True((await workspace.VerifyAsync(loop.History, Stop)).IsValid);
        }

        Assert.Equal("x = 1", await repository.GitAsync("show", "autoresearch/mar5:train.py"));
        Assert.Equal("Revert to version 1\nx to 2\nx to 1\nbegin",
            await repository.GitAsync("log", "--format=%s", "autoresearch/mar5"));
        Assert.Contains("a bad idea", await repository.GitAsync("log", "-1", "--format=%b", "autoresearch/mar5"),
            StringComparison.Ordinal);

        // Killed before the commit of the reversion: it is made on resume. Then the loop goes on from version 1.
        await repository.GitAsync("update-ref", "refs/heads/autoresearch/mar5", "autoresearch/mar5~1");
        await using var again = await repository.OpenAsync();
        await using var resumed = Build(again, new RecordingJournal(journal.Events), 3);
        await resumed.ResumeAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal("x to 3\nRevert to version 1\nx to 2\nx to 1\nbegin",
            await repository.GitAsync("log", "--format=%s", "autoresearch/mar5"));
        Assert.True((await again.VerifyAsync(resumed.History, Stop)).IsValid);
        Assert.Equal(resumed.History.State.Incumbent.Candidate.Source!["train.py"].TrimEnd(),
            await repository.GitAsync("show", "autoresearch/mar5:train.py"));

        static ResearchLoop Build(GitWorkspace workspace, IJournal journal, int trials)
        {
            var problem = new ResearchProblem("git")
            {
                Objective = Objective.Minimize(Loops.Metric),
                Baseline = workspace.Baseline(),
                Editable = workspace.Editable,
            };
            var proposer = new ScriptedProposer(state => new Hypothesis
            {
                ParentId = state.Incumbent.Candidate.Id,
                Change = new SourceChange([new WriteFile("train.py", $"x = {state.NextTrial}\n")]),
                Title = $"x to {state.NextTrial}",
            });
            var runner = new ScriptedRunner(async (experiment, _, token) =>
            {
                await using var directory = await workspace.CreateAsync(experiment, token);
                return Loops.Completed(-experiment.Candidate.Source!["train.py"][4]) with { Hashes = directory.Hashes };
            });
            return Loops.Build(proposer, runner, journal, problem).CommitTo(workspace)
                .Configure(o => o.MaxTrials = trials).Build();
        }
    }

    [Fact]
    public void History_ReversionThatDoesNotFit_IsRefused()
    {
        var history = ResearchHistory.Of([new LoopStarted(Loops.Problem, 1)]);

        Assert.Contains("version 0", Assert.Throws<InvalidDataException>(() =>
            history.Apply(new IncumbentReverted(1, 0, Loops.Problem.Baseline.Id, "ann", ""))).Message, StringComparison.Ordinal);
        Assert.Contains("nothing to approve", Assert.Throws<InvalidDataException>(() =>
        {
            history.Apply(
                new HypothesisProposed(1, new() { ParentId = "p", Change = ParameterChange.Of(("x", 1)), Title = "t" }, null));
            history.Apply(new ApprovalDecided(1, ApprovalStage.Run, true, "ann", ""));
        }).Message, StringComparison.Ordinal);
    }
}
