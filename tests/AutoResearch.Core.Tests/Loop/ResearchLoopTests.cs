using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ResearchLoopTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_ThreeIdeas_EventsInOrderAndJournalledBeforeTheyAreSeen()
    {
        var journal = new RecordingJournal();
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1, 2, 3), Loops.Score(x => x == 2 ? 0.5 : 1 + x),
            journal).Build();
        var seen = new List<ResearchEvent>();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            Assert.Contains(e, journal.Events);
            seen.Add(e);
        }
        Assert.Equal(journal.Events, seen);
        Assert.Equal(
            [
                "LoopStarted", "ExperimentStarted", "ExperimentFinished",
                "HypothesisProposed", "ExperimentStarted", "ExperimentFinished", "TrialJudged",
                "HypothesisProposed", "ExperimentStarted", "ExperimentFinished", "TrialJudged", "IncumbentAdvanced",
                "HypothesisProposed", "ExperimentStarted", "ExperimentFinished", "TrialJudged",
                "LoopStopped",
            ],
            seen.Select(e => e.GetType().Name));
        Assert.Equal(["e0001", "e0002", "e0003", "e0004"], seen.OfType<ExperimentStarted>().Select(e => e.Experiment.Id));
        Assert.Equal(StopReason.Exhausted, seen.Stop().Reason);
        Assert.Equal(2, loop.History.State.Incumbent.Trial);
        Assert.Equal(1, loop.History.State.Incumbent.Version);
        Assert.IsType<Accept>(loop.History.Trials[1].Verdict);
    }

    [Fact]
    public async Task RunAsync_MaxExperiments_CountsBaselineAndFinishesTheTrial()
    {
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 + x))
            .Configure(o => o.BaselineRuns = 3).Build();
        var events = await loop.RunAsync(maxExperiments: 7, Stop).ToListAsync();
        Assert.Equal(StopReason.MaxExperiments, events.Stop().Reason);
        Assert.Equal(7, loop.History.ExperimentsFinished);
        Assert.Equal(4, loop.History.Trials.Count);
        Assert.Contains("7 experiments", events.Stop().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_Twice_GoesOnWhereItStopped()
    {
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 + x)).Build();
        await loop.RunAsync(3, Stop).ToListAsync();
        var events = await loop.RunAsync(5, Stop).ToListAsync();
        Assert.IsType<LoopResumed>(events[0]);
        Assert.Equal(["e0004", "e0005"], events.OfType<ExperimentStarted>().Select(e => e.Experiment.Id));
        Assert.Equal([3, 4], events.OfType<HypothesisProposed>().Select(e => e.Trial));
    }

    [Fact]
    public async Task RunAsync_MaxTrials_Stops()
    {
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 + x))
            .Configure(o => o.MaxTrials = 4).Build();
        Assert.Equal(StopReason.MaxTrials, (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop().Reason);
        Assert.Equal(4, loop.History.Trials.Count);
    }

    [Fact]
    public async Task RunAsync_Plateau_CountsTrialsSinceTheLastAccept()
    {
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x <= 3 ? -x : x))
            .Configure(o => o.PlateauTrials = 5).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(StopReason.Plateau, events.Stop().Reason);
        Assert.Equal(8, loop.History.Trials.Count);
        Assert.Equal(3, loop.History.State.Incumbent.Trial);
    }

    [Fact]
    public async Task RunAsync_MaxTime_CountsWorkingTimeOnly()
    {
        var clock = new FakeTimeProvider();
        var runner = new ScriptedRunner(e =>
        {
            clock.Advance(TimeSpan.FromMinutes(5));
            return Loops.Completed(1 + Loops.X(e));
        });
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner, clock: clock)
            .Configure(o => o.MaxTime = TimeSpan.FromMinutes(20)).Build();
        await loop.RunAsync(2, Stop).ToListAsync();
        clock.Advance(TimeSpan.FromHours(9)); // stopped, so this is not working time
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(StopReason.MaxTime, events.Stop().Reason);
        Assert.Equal(4, loop.History.ExperimentsFinished);
        Assert.Equal(TimeSpan.FromMinutes(20), loop.History.ActiveTime);
    }

    [Fact]
    public async Task RunAsync_MaxMoney_CountsProposalsAndRuns()
    {
        var proposer = new ScriptedProposer(s =>
            ScriptedProposer.Set(s, "x", s.NextTrial) with { Cost = new Cost(Money: 0.25m) });
        var runner = new ScriptedRunner(e => Loops.Completed(1 + Loops.X(e)) with { Usage = new ResourceUsage { Money = 1m } });
        await using var loop = Loops.Build(proposer, runner).Configure(o => o.MaxMoney = 4m).Build();
        Assert.Equal(StopReason.MaxCost, (await loop.RunAsync(cancellationToken: Stop).ToListAsync()).Stop().Reason);
        Assert.Equal(4.75m, loop.History.MoneySpent); // baseline 1, then 1.25 a trial: 2.25, 3.5, 4.75
    }

    [Fact]
    public async Task RunAsync_Measurements_AreStreamedAndNotJournalled()
    {
        var journal = new RecordingJournal();
        var runner = new ScriptedRunner((e, progress, _) =>
        {
            for (var step = 1; step <= 3; step++) progress!.Report(new Measurement("train_loss", 1.0 / step, step));
            return Task.FromResult(Loops.Completed(1));
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), runner, journal).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([1, 2, 3], events.OfType<MeasurementReported>().Select(m => m.Measurement.Step));
        Assert.All(events.OfType<MeasurementReported>(), m => Assert.Equal("e0001", m.ExperimentId));
        Assert.DoesNotContain(journal.Events, e => e is MeasurementReported);
    }

    [Fact]
    public async Task RunAsync_FloodOfMeasurements_KeepsTheLatest()
    {
        var runner = new ScriptedRunner((e, progress, _) =>
        {
            for (var step = 1; step <= 100_000; step++) progress!.Report(new Measurement("train_loss", 1, step));
            return Task.FromResult(Loops.Completed(1));
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), runner).Configure(o => o.MeasurementBuffer = 10).Build();
        var measurements = new List<MeasurementReported>();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            if (e is ExperimentStarted) await Task.Yield();
            if (e is MeasurementReported m) measurements.Add(m);
        }
        Assert.Equal(100_000, measurements[^1].Measurement.Step);
    }

    [Fact]
    public async Task RunAsync_SynchronousRunner_StartIsSeenBeforeItEnds()
    {
        using var started = new ManualResetEventSlim();
        var runner = new ScriptedRunner(_ =>
        {
            started.Wait(Stop); // would hang if the runner kept the caller from its events
            return Loops.Completed(1);
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x"), runner).Build();
        await foreach (var e in loop.RunAsync(cancellationToken: Stop))
        {
            if (e is ExperimentStarted) started.Set();
        }
        Assert.Equal(1, loop.History.ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_TwoAtOnce_IsRefused()
    {
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => 1 + x)).Build();
        await using var first = loop.RunAsync(3, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await first.MoveNextAsync());
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => loop.RunAsync(3, Stop).ToListAsync());
        Assert.Contains("already running", e.Message, StringComparison.Ordinal);
        while (await first.MoveNextAsync()) { } // the first one is not disturbed
        Assert.Equal(3, loop.History.ExperimentsFinished);
    }

    [Fact]
    public async Task RunAsync_Seeds_DependOnThePlaceAndPairTheArms()
    {
        async Task<IReadOnlyList<Experiment>> RunAsync(long seed)
        {
            var runner = Loops.Score(x => 1 - (0.1 * x));
            await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).WithSeed(seed)
                .AcceptWith(new ConfirmingRatchet(new() { CandidateRuns = 2, ControlRuns = 2 }))
                .Configure(o => (o.BaselineRuns, o.FinalRuns) = (2, 2)).Build();
            await loop.RunAsync(cancellationToken: Stop).ToListAsync();
            return runner.Experiments;
        }
        var runs = await RunAsync(7);
        Assert.Equal(runs.Select(e => e.Seed), (await RunAsync(7)).Select(e => e.Seed));
        Assert.Empty(runs.Select(e => e.Seed).Intersect((await RunAsync(8)).Select(e => e.Seed)));
        Assert.All(runs, e => Assert.InRange(e.Seed, 0, int.MaxValue));
        var confirm = runs.Where(e => e.Purpose == RunPurpose.Confirm).Select(e => e.Seed).ToArray();
        Assert.Equal(2, confirm.Distinct().Count());
        Assert.Equal(confirm, runs.Where(e => e.Purpose == RunPurpose.Control).Select(e => e.Seed));
        var final = runs.Where(e => e.Purpose == RunPurpose.Final).Select(e => e.Seed).ToArray();
        Assert.Equal((final[0], final[2]), (final[1], final[3]));
        Assert.Equal(2 + 1 + 2 + 2, runs.Select(e => e.Seed).Distinct().Count());
    }

    [Fact]
    public async Task RunAsync_FinalRuns_InterleavedAndGainMeasured()
    {
        var noise = new Dictionary<(long, RunPurpose), Queue<double>>
        {
            [(0, RunPurpose.Final)] = new([1.00, 1.01, 1.02]),
            [(1, RunPurpose.Final)] = new([0.80, 0.82, 0.81]),
        };
        var runner = ScriptedRunner.Score(Loops.Metric, e =>
            noise.TryGetValue((Loops.X(e), e.Purpose), out var queue) ? queue.Dequeue() : Loops.X(e) == 1 ? 0.5 : 1);
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Configure(o => o.FinalRuns = 3).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([1, 0, 0, 1, 1, 0], runner.Experiments.Where(e => e.Purpose == RunPurpose.Final).Select(Loops.X));
        var gain = Assert.Single(events.OfType<GainMeasured>()).Gain;
        Assert.Equal(0.20, gain.Gain, 12);
        Assert.Equal(0.81, gain.Final, 12);
        Assert.Equal(3, gain.RunsPerArm);
        // Welch with equal variances of 1e-4: 4 degrees of freedom, t = 2.7764, standard error 0.01·√(2/3).
        Assert.Equal(0.20 - (2.7764451 * 0.01 * Math.Sqrt(2.0 / 3)), gain.Low, 7);
        Assert.True(gain.IsConfirmed);
        Assert.Contains("measured again: 0.2", events.Stop().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_IncumbentIsBaseline_NoFinalRuns()
    {
        var runner = Loops.Score(x => 1 + x);
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Configure(o => o.FinalRuns = 3).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(2, runner.Experiments.Count);
        Assert.Null(loop.History.Gain);
    }

    [Fact]
    public async Task RunAsync_FinalRunsFail_SaysSo()
    {
        var runner = new ScriptedRunner(e => e.Purpose == RunPurpose.Final && Loops.X(e) == 1
            ? RunResult.Failure(RunOutcome.Crashed, "boom") : Loops.Completed(1 - Loops.X(e)));
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner).Configure(o => o.FinalRuns = 2).Build();
        var events = await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Null(loop.History.Gain);
        Assert.Contains("final runs failed", events.Stop().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_MaxExperimentsRaisedAfterTheEnd_MeasuresTheNewIncumbent()
    {
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => -x))
            .Configure(o => o.FinalRuns = 2).Build();
        await loop.RunAsync(2, Stop).ToListAsync();
        Assert.Equal(1, loop.History.Gain!.Gain, 12);
        await loop.RunAsync(3, Stop).ToListAsync();
        Assert.Equal(2, loop.History.Gain!.Gain, 12);
        Assert.Equal(8, loop.History.FinalRuns.Count);
    }
}
