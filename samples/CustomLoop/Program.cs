// A team's own proposer, runner and acceptor, no machine learning: which Brotli settings deliver a file soonest over 20 MB/s?
using System.Diagnostics;
using System.IO.Compression;
using AutoResearch;

var problem = new ResearchProblem("brotli-delivery")
{
    Objective = Objective.Minimize("delivery_ms", "ms"),
    Baseline = Candidate.Of(("quality", 11), ("window", 22)), // "best compression", as many a build script has it
    SearchSpace = new SearchSpace().Int("quality", 0, 11).Int("window", 10, 24),
    Guards = [Guard.AtMost("size_kb", 1000)],
};
var text = File.ReadAllBytes(args.Length > 0 ? args[0] : typeof(object).Assembly.Location).AsSpan(0, 2_000_000).ToArray();
await using var loop = ResearchLoop.Create(problem)
    .ProposeWith(new Neighbour()).RunWith(new BrotliRunner(text)).AcceptWith(new ByAtLeast(0.02)).Build();
await foreach (var e in loop.RunAsync(maxExperiments: 30))
    if (e is TrialJudged { Verdict: { IsFinal: true } verdict } judged && loop.History.Trials[judged.Trial - 1].Runs.Count > 0)
        Console.WriteLine(
            $"{loop.History.Trials[judged.Trial - 1].Hypothesis.Title,-24} {verdict.GetType().Name,-8} {verdict.Reason}");
Console.WriteLine($"{problem.Baseline.Parameters} -> {loop.History.State.Incumbent.Candidate.Parameters}: "
    + $"{new ResearchReport(loop.History).Headline}");

// Moves one setting of the incumbent a little: local search.
internal sealed class Neighbour : IHypothesisProposer
{
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        var (random, incumbent) = (state.CreateRandom("neighbour"), state.Incumbent.Candidate);
        var (name, low, high) = random.Next(2) == 0 ? ("quality", 0, 11) : ("window", 10, 24);
        var (old, step) = (incumbent.Parameters[name].AsInteger(), random.Next(1, 4) * (random.Next(2) == 0 ? 1 : -1));
        var value = Math.Clamp(old + step, low, high);
        return ValueTask.FromResult<Hypothesis?>(
            new() { ParentId = incumbent.Id, Change = ParameterChange.Of((name, value)), Title = $"{name} {old} -> {value}" });
    }
}

// Compresses the file and computes when the other side would have it.
internal sealed class BrotliRunner(byte[] text) : IExperimentRunner
{
    public Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        var (p, output, start) = (experiment.Candidate.Parameters, new byte[BrotliEncoder.GetMaxCompressedLength(text.Length)],
            Stopwatch.GetTimestamp());
        BrotliEncoder.TryCompress(text, output, out var size, (int)p["quality"].AsInteger(), (int)p["window"].AsInteger());
        var milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds + size / 20_000.0;
        return Task.FromResult(
            RunResult.Complete(new Dictionary<string, double> { ["delivery_ms"] = milliseconds, ["size_kb"] = size / 1000.0 }));
    }
}

// Keeps what is better than the incumbent's best time by a share of it, twice in a row.
internal sealed class ByAtLeast(double share) : IRatchetAcceptor
{
    public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        var (bar, scores) = (Best(comparison.Incumbent.Runs) * (1 - share),
            comparison.Trial.Runs.Select(r => r.Result.Score(comparison.Problem.Objective)));
        Verdict verdict = comparison.Problem.Guards.Select(g => g.Violation(comparison.Trial.Runs[^1].Result.Metrics))
            .FirstOrDefault(v => v is not null) is { } broken
            ? new Reject { Reason = broken }
            : scores.Any(s => !(s < bar)) ? new Reject { Reason = $"{scores.Last():F1} ms, {bar:F1} needed" }
            : comparison.Trial.Runs.Count < 2 ? new NeedMore(Arm.Candidate) { Reason = $"{scores.Last():F1} ms, once more" }
            : new Accept { Reason = $"{scores.Max():F1} ms against {bar:F1} needed" };
        return ValueTask.FromResult(verdict);
        double Best(IReadOnlyList<Run> runs) =>
            runs.Min(r => r.Result.Score(comparison.Problem.Objective) ?? double.PositiveInfinity);
    }
}
