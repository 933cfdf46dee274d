using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using AutoResearch.Testing;
using Microsoft.Extensions.Logging;

namespace AutoResearch.Tests;

public sealed class TelemetryTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_Listener_SpansOfProposalsAndExperimentsBelowTheLoop()
    {
        var problem = new ResearchProblem("traced") { Objective = Loops.Problem.Objective, Baseline = Loops.Problem.Baseline };
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "AutoResearch",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var inner = new ConcurrentQueue<string?>();
        var runner = new ScriptedRunner(e =>
        {
            inner.Enqueue(Activity.Current?.OperationName);
            return Loops.X(e) == 1 ? RunResult.Failure(RunOutcome.Crashed, "boom") : Loops.Completed(1);
        });
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), runner, problem: problem).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();

        var root = Assert.Single(spans,
            s => s.OperationName == "autoresearch.loop" && Equals(s.GetTagItem("autoresearch.problem"), "traced"));
        var children = spans.Where(s => s.TraceId == root.TraceId && s != root).ToArray();
        Assert.Equal(2, children.Count(s => s.OperationName == "autoresearch.proposal"));
        var experiments = children.Where(s => s.OperationName == "autoresearch.experiment").ToArray();
        Assert.Equal(["Completed", "Crashed"], experiments.Select(s => s.GetTagItem("autoresearch.experiment.outcome")));
        Assert.Equal(ActivityStatusCode.Error, experiments[1].Status);
        Assert.All(children, s => Assert.Equal(root.SpanId, s.ParentSpanId));
        Assert.All(inner, name => Assert.Equal("autoresearch.experiment", name)); // spans of the runner's own hang below
    }

    [Fact]
    public async Task RunAsync_MeterListener_CountsByOutcomeAndVerdict()
    {
        var counts = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "AutoResearch")
                    l.EnableMeasurementEvents(instrument);
            },
        };
        // Other tests run at the same time: only this proposer's trials and this purpose's outcome are looked at.
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            counts.AddOrUpdate($"{instrument.Name} {string.Join(' ', tags.ToArray().Select(t => t.Value))}", value,
                (_, old) => old + value));
        listener.SetMeasurementEventCallback<double>((instrument, _, _, _) =>
            counts.AddOrUpdate($"{instrument.Name} {instrument.Unit}", 1, (_, old) => old + 1));
        listener.Start();
        var proposer = new ScriptedProposer(s =>
            s.NextTrial > 3 ? null : ScriptedProposer.Set(s, "x", s.NextTrial) with { Proposer = "metered" });
        var runner = new ScriptedRunner(e =>
            Loops.X(e) == 2 ? RunResult.Failure(RunOutcome.Stopped, "hopeless") : Loops.Completed(1 - Loops.X(e)));
        await using var loop = Loops.Build(proposer, runner).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(2, counts["autoresearch.trials Accept metered"]);
        Assert.Equal(1, counts["autoresearch.trials Reject metered"]);
        Assert.True(counts["autoresearch.experiments Stopped Screen"] >= 1);
        Assert.True(counts["autoresearch.experiment.duration s"] >= 4);
    }

    [Fact]
    public async Task RunAsync_Logger_OneLineAnEventWithItsId()
    {
        var logger = new ListLogger();
        await using var loop = Loops.Build(ScriptedProposer.Values("x", 1), Loops.Score(x => 1 - x)).WithLogger(logger).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal([1, 4, 5, 3, 4, 5, 8, 9, 11], logger.Lines.Select(l => l.Id));
        Assert.Contains("Trial 1 Accept: better in one run: 0 against the best so far, 1: gain 1",
            logger.Lines.Select(l => l.Text));
    }

    private sealed class ListLogger : ILogger
    {
        public List<(int Id, string Text)> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add((eventId.Id, formatter(state, exception)));
    }
}
