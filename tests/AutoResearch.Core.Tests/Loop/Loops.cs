using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>Small loops for tests: the metric is "loss", the baseline has x = 0, and the clock stands still.</summary>
internal static class Loops
{
    public const string Metric = "loss";

    public static ResearchProblem Problem { get; } =
        new("test") { Objective = Objective.Minimize(Metric), Baseline = Candidate.Of(("x", 0)) };

    public static ResearchLoopBuilder Build(
        IHypothesisProposer proposer, IExperimentRunner runner, IJournal? journal = null, ResearchProblem? problem = null,
        TimeProvider? clock = null)
    {
        var builder = ResearchLoop.Create(problem ?? Problem).ProposeWith(proposer).RunWith(runner)
            .AcceptWith(new GreedyRatchet())
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.RetryDelay) = (1, 0, 0, TimeSpan.Zero))
            .WithTimeProvider(clock ?? new FakeTimeProvider());
        return journal is null ? builder : builder.RecordTo(journal);
    }

    public static ScriptedRunner Score(Func<long, double> score) => ScriptedRunner.Score(Metric, e => score(X(e)));

    public static long X(Experiment experiment) => experiment.Candidate.Parameters["x"].AsInteger();

    public static RunResult Completed(double loss) => ScriptedRunner.Completed(Metric, loss);

    public static async Task<List<ResearchEvent>> ToListAsync(this IAsyncEnumerable<ResearchEvent> events)
    {
        var list = new List<ResearchEvent>();
        await foreach (var e in events.WithCancellation(TestContext.Current.CancellationToken)) list.Add(e);
        return list;
    }

    public static LoopStopped Stop(this IReadOnlyList<ResearchEvent> events) => Assert.IsType<LoopStopped>(events[^1]);

    /// <summary>The final verdicts, in order.</summary>
    public static IReadOnlyList<Verdict> Verdicts(this IEnumerable<ResearchEvent> events) =>
        [.. events.OfType<TrialJudged>().Select(j => j.Verdict).Where(v => v.IsFinal)];
}
