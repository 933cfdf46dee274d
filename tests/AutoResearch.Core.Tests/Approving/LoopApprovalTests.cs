using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class LoopApprovalTests
{
    private static readonly ApprovalPolicy s_askAll = new() { Parameters = ApprovalRule.Ask };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_GateAndPolicy_DecideBeforeRunAndKeep()
    {
        var asked = new List<string>();
        var gate = new DelegateApprovalGate((request, _) =>
        {
            asked.Add(
                $"{request.Stage} {request.Trial.Number} {request.Changes.Single().After} {request.Verdict?.GetType().Name}");
            return Task.FromResult(new ApprovalAnswer(request.Trial.Number != (request.Stage == ApprovalStage.Run ? 1 : 2), "ann",
                $"because {request.Trial.Number}"));
        });
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3, -1), Loops.Score(x => -x), journal)
            .ApproveWith(gate, s_askAll).Build();

        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        // 1 is not run; 2 is run, accepted, not kept; 3 is kept; -1 is worse, so that nobody is asked about keeping it.
        Assert.Equal(["Run 1 1 ", "Run 2 2 ", "Keep 2 2 Accept", "Run 3 3 ", "Keep 3 3 Accept", "Run 4 -1 "], asked);
        Assert.Equal([false, true, true, true], loop.History.Trials.Select(t => t.Runs.Count > 0));
        Assert.Equal([typeof(Reject), typeof(Reject), typeof(Accept), typeof(Reject)],
            loop.History.Trials.Select(t => t.Verdict!.GetType()));
        Assert.Equal("not approved to be run, by ann: because 1", loop.History.Trials[0].Verdict!.Reason);
        Assert.Equal("not approved to be kept, by ann: because 2", loop.History.Trials[1].Verdict!.Reason);
        Assert.Equal(3, Assert.Single(loop.History.Incumbents.Skip(1)).Trial);
        Assert.Equal(6, events.OfType<ApprovalDecided>().Count());
        Assert.Contains(ReportText.Facts(loop.History), f => f == ("Approvals", "2 refused by ann, 4 approved by ann"));
    }

    [Fact]
    public async Task Run_WhatThePolicyDecides_IsRecordedAndNobodyIsAsked()
    {
        var gate = new DelegateApprovalGate((_, _) => throw new InvalidOperationException("nobody is to be asked"));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => -x))
            .ApproveWith(gate, new() { Keeps = ApprovalRule.Allow }).Build();

        await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        Assert.Equal(1, loop.History.State.Incumbent.Version);
        Assert.Equal([(ApprovalStage.Run, "policy", "parameter 'x': allowed"), (ApprovalStage.Keep, "policy", "keeps: allowed")],
            loop.History.Trials[0].Approvals.Select(a => (a.Stage, a.By, a.Reason)));
    }

    [Fact]
    public async Task Run_WaitingForAnAnswer_CountsNoTime()
    {
        var clock = new FakeTimeProvider();
        var gate = new DelegateApprovalGate((_, _) =>
        {
            clock.Advance(TimeSpan.FromHours(9));
            return Task.FromResult(new ApprovalAnswer(true, "ann", ""));
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2), Loops.Score(x => -x), clock: clock)
            .ApproveWith(gate, s_askAll).Configure(o => o.MaxTime = TimeSpan.FromHours(1)).Build();

        await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        Assert.Equal(TimeSpan.Zero, loop.History.ActiveTime);
        Assert.Equal((2, StopReason.Exhausted), (loop.History.State.Incumbent.Version, loop.History.Stop!.Reason));
        Assert.Equal(clock.Start + TimeSpan.FromHours(18), loop.History.Trials[0].ApprovalOf(ApprovalStage.Keep)!.Time);
    }

    [Theory]
    [InlineData(ApprovalTimeoutAction.Deny)]
    [InlineData(ApprovalTimeoutAction.Stop)]
    public async Task Run_NobodyAnswers_TheTimeoutDecides(ApprovalTimeoutAction action)
    {
        var clock = new FakeTimeProvider();
        var journal = new RecordingJournal();
        var deaf = new DelegateApprovalGate((_, _) => new TaskCompletionSource<ApprovalAnswer>().Task); // ignores its token, too
        var policy = s_askAll with { Timeout = TimeSpan.FromMinutes(5), OnTimeout = action };
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => -x), journal, clock: clock)
            .ApproveWith(deaf, policy).Build();

        var run = loop.RunAsync(cancellationToken: Stop).ToListAsync();
        await clock.WaitForTimersAsync(1, Stop);
        Assert.False(run.IsCompleted);
        clock.Advance(TimeSpan.FromMinutes(5));
        await run;

        if (action == ApprovalTimeoutAction.Deny)
        {
            Assert.Equal("not approved to be run, by timeout: nobody answered within 00:05:00",
                loop.History.Trials[0].Verdict!.Reason);
            return;
        }

        Assert.Equal(StopReason.AwaitingApproval, loop.History.Stop!.Reason);
        await using var second = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => -x),
            new RecordingJournal(journal.Events), clock: clock)
            .ApproveWith(new DelegateApprovalGate((_, _) => Task.FromResult(new ApprovalAnswer(true, "ann", ""))),
                policy).Build();
        await second.ResumeAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(1, second.History.State.Incumbent.Version);
        Assert.Single(second.History.Trials);
    }

    [Fact]
    public async Task Run_GateFails_StopsAndKeepsTheTrial()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => -x), journal)
            .ApproveWith(new DelegateApprovalGate((_, _) => throw new IOException("no terminal")), s_askAll).Build();

        await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        Assert.Equal(StopReason.Failed, loop.History.Stop!.Reason);
        Assert.Contains("no terminal", loop.History.Stop.Message, StringComparison.Ordinal);
        Assert.Single(loop.History.Pending);

        await using var gateless = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => -x),
            new RecordingJournal(journal.Events)).Build();
        await gateless.ResumeAsync(cancellationToken: Stop).ToListAsync();
        Assert.Contains("Resume with ApproveWith", gateless.History.Stop!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_KilledAtEveryPoint_AsksAgainAndDecidesTheSame()
    {
        var whole = new RecordingJournal();
        var counting = new FaultInjector();
        await RunAsync(whole, counting);
        Assert.InRange(counting.Points, 60, 200);
        var expected = Decisions(whole.Events);
        for (var point = 1; point <= counting.Points; point++)
        {
            var first = new RecordingJournal();
            await Assert.ThrowsAsync<InjectedFaultException>(() => RunAsync(first, new FaultInjector(point)));
            var second = new RecordingJournal(first.Events);
            await RunAsync(second, new FaultInjector());
            Assert.Equal(expected, Decisions(second.Events));
        }

        static async Task RunAsync(IJournal journal, FaultInjector faults)
        {
            var gate = new DelegateApprovalGate(async (request, _) =>
            {
                await Task.Yield();
                return new ApprovalAnswer(request.Trial.Number % 3 != 0, "ann", request.Id);
            });
            await using var loop = Loops.Build(faults.Wrap((IHypothesisProposer)ScriptedProposer.Values("x", 1, 2, 3, 4, -1, 6)),
                faults.Wrap((IExperimentRunner)Loops.Score(x => -x)), faults.Wrap(journal))
                .ApproveWith(gate, s_askAll).Configure(o => (o.MaxProposalRetries, o.MaxInfrastructureRetries) = (0, 0))
                .Resume().Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        }

        static string[] Decisions(IEnumerable<ResearchEvent> events) => [.. events.Select(e => e switch
        {
            ApprovalRequested asked => $"asked {asked.Trial} {asked.Stage}",
            ApprovalDecided decided => $"decided {decided.Trial} {decided.Stage} {decided.Approved} {decided.Reason}",
            TrialJudged judged => $"judged {judged.Trial} {judged.Verdict.GetType().Name} {judged.Verdict.Reason}",
            IncumbentAdvanced advanced => $"advanced {advanced.Version}",
            _ => "",
        }).Where(t => t.Length > 0)];
    }

    [Fact]
    public async Task Run_SeveralAtOnce_TheOthersGoOnWhileOneWaits()
    {
        var answer = new TaskCompletionSource<ApprovalAnswer>();
        var journal = new RecordingJournal();
        var gate = new DelegateApprovalGate((request, _) => request.Stage == ApprovalStage.Keep && request.Trial.Number == 1
            ? answer.Task
            : Task.FromResult(new ApprovalAnswer(true, "ann", "")));
        var runner = new ScriptedRunner(async (e, _, token) =>
        {
            // The second idea's run ends only once somebody is asked about the first.
            while (Loops.X(e) == 2 && !journal.Events.Any(x => x is ApprovalRequested { Stage: ApprovalStage.Keep, Trial: 1 }))
                await Task.Delay(5, token);
            if (Loops.X(e) == 2) answer.TrySetResult(new(true, "ann", ""));
            return Loops.Completed(-Loops.X(e));
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2), runner, journal).ApproveWith(gate, s_askAll)
            .Configure(o => o.MaxParallel = 2).Build();

        await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        // Both were accepted; the one whose answer came first was kept, and the other's change conflicts with it.
        Assert.All(loop.History.Trials.Take(2), t => Assert.IsType<Accept>(t.Verdict));
        Assert.Equal(1, loop.History.State.Incumbent.Version);
        Assert.All(loop.History.Trials, t => Assert.NotNull(t.Verdict));
    }
}
