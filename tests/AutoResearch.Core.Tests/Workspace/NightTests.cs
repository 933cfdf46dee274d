using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>A whole night in a few seconds: 200 experiments, outages, bad answers, crashes, and several kills.</summary>
public sealed class NightTests
{
    [Fact]
    public async Task Night_OutagesCrashesAndKills_EndWithVerifiedCommitsAndAnExactLedger()
    {
        using var repository = await TestRepository.CreateAsync(("train.py", "a = 0\nb = 0\n"), ("prepare.py", "fixed\n"));
        using var run = new TemporaryDirectory();
        var bill = new Night.Bill();
        var (kills, finished) = (0, false);
        while (!finished)
        {
            Assert.InRange(kills, 0, 20);
            var faults = new FaultInjector(kills < 6 ? 101 + (41 * kills) : null);
            await using var workspace = await repository.OpenAsync("night");
            using var ledger = ChatLedger.Open(run.Path);
            var journal = await Journal.OpenAsync(run.Path, new() { FlushToDisk = false },
                cancellationToken: TestContext.Current.CancellationToken);
            var clock = new Night.RushingClock();
            var proposer = new ChatProposer(bill.Client,
                new() { Ledger = ledger, Prices = Night.Prices, TimeProvider = clock, MaxRepairs = 1 });
            var problem = new ResearchProblem("night")
            {
                Objective = Objective.Minimize("loss"),
                Baseline = workspace.Baseline(),
                Editable = workspace.Editable,
            };
            try
            {
                await using var loop = ResearchLoop.Create(problem).ProposeWith(faults.Wrap((IHypothesisProposer)proposer))
                    .RunWith(faults.Wrap(Night.Toy(workspace)))
                    .AcceptWith(new GreedyRatchet()).RecordTo(faults.Wrap(journal)).CommitTo(workspace).Resume()
                    .Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds, o.MaxExperiments, o.MaxTrialsWithoutRun,
                        o.RetryDelay) = (1, 0, 0, 200, 50, TimeSpan.Zero)).Build();
                await loop.RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
                finished = !faults.HasKilled;
            }
            catch (InjectedFaultException)
            {
                // killed
            }
            finally
            {
                await journal.DisposeAsync();
            }

            if (!finished) kills++;
        }

        var history = await Journal.ReadHistoryAsync(run.Path, TestContext.Current.CancellationToken);
        Assert.Equal(6, kills);
        Assert.Equal((200, StopReason.MaxExperiments), (history.ExperimentsFinished, history.Stop!.Reason));
        Assert.Contains(history.Trials, t => t.Hypothesis.Change is InvalidChange);
        Assert.Contains(history.Trials, t => t.Runs.Any(r => r.Result.Outcome == RunOutcome.Crashed));
        Assert.True(bill.Outages > 10);

        // The ledger, the journal and the provider's own bill agree to the token and to the last digit.
        using var book = ChatLedger.Open(run.Path);
        Assert.Equal((bill.Input, bill.Output), (book.Total.InputTokens, book.Total.OutputTokens));
        Assert.Equal(book.Total.Money, history.MoneySpent);
        Assert.Equal((bill.Input, bill.Output), (history.ProposalCost.InputTokens, history.ProposalCost.OutputTokens));
        Assert.Equal(new ModelPrice(3, 15).Of(bill.Input, bill.Output), history.MoneySpent);

        await using var final = await repository.OpenAsync("night");
        var verification = await final.VerifyAsync(history, TestContext.Current.CancellationToken);
        Assert.Empty(verification.Problems);
        Assert.Equal(history.Incumbents.Count - 1, verification.Commits);
        Assert.True(verification.Commits > 10);
        Assert.Equal(history.State.Incumbent.Candidate.Source!["train.py"],
            await repository.GitAsync("show", "autoresearch/night:train.py") + "\n");
        Assert.Equal("", await repository.GitAsync("status", "--porcelain"));
        Assert.Single((await repository.GitAsync("worktree", "list")).Split('\n'));
    }
}
