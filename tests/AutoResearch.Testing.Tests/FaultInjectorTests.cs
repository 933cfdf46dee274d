using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class FaultInjectorTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static LoopStarted Start => new(new SimulatedObjective(0).Problem, 1);

    [Theory]
    [InlineData(1, 0)] // before the write: the event is lost
    [InlineData(2, 1)] // after the write: the event is there, though nobody was told
    public async Task Wrap_Journal_KilledBeforeOrAfterTheWrite(int point, int events)
    {
        var faults = new FaultInjector(point);
        var journal = new RecordingJournal();
        await using var faulty = faults.Wrap(journal);
        await Assert.ThrowsAsync<InjectedFaultException>(async () => await faulty.AppendAsync(Start, Stop));
        Assert.Equal(events, journal.Events.Count);
        Assert.True(faults.HasKilled);
        await Assert.ThrowsAsync<InjectedFaultException>(async () =>
            await faulty.AppendAsync(new LoopStopped(StopReason.Failed, ""), Stop));
        Assert.Equal(events, journal.Events.Count); // the dead do not write
    }

    [Fact]
    public async Task Wrap_NoPointChosen_PassesEverythingAndCounts()
    {
        var world = new SimulatedObjective(0.1);
        var faults = new FaultInjector();
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(faults.Wrap((IHypothesisProposer)world))
            .RunWith(faults.Wrap((IExperimentRunner)world)).AcceptWith(new GreedyRatchet())
            .RecordTo(faults.Wrap(new RecordingJournal()))
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (1, 0, 0)).Build();
        var events = 0;
        await foreach (var _ in loop.RunAsync(4, Stop)) events++;
        Assert.Equal(2 * (events + 4 + 3), faults.Points); // writes, runs, proposals
        Assert.False(faults.HasKilled);
    }
}
