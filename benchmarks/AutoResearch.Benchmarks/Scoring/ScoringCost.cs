using System.Diagnostics;
using System.Globalization;
using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.Scoring;

/// <summary>
/// What a scoring host costs a candidate: time from asking for a batch to having it, and the time of the evaluation with answers
/// that cost nothing but to write them. The candidate is a thread of this process; the socket is the one that
/// a program would use.
/// </summary>
internal static class ScoringCost
{
    private const int Steps = 2000;
    private const int Rows = 8;
    private const int Repeats = 5;

    /// <summary>Argument: the entries of the tokenizer; 1024 by default.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var vocabulary = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1024;
        var data = new PretrainingData(Corpus.FromSdkDocumentation(), cache: DataCache.Default);
        var host = new GptScoringHost(data, new() { VocabularySize = vocabulary });
        host.Prepare();
        var (steps, evaluations) = (new List<double>(), new List<double>());
        var asked = 0L;
        for (var i = -1; i < Repeats; i++)
        {
            var (step, evaluation, positions) = await MeasureAsync(host);
            asked = positions;
            if (i < 0) continue; // compiled now
            steps.Add(step);
            evaluations.Add(evaluation);
        }

        var scored = data.Validation(vocabulary, 256).Targets.ToArray().Count(t => t != ValidationSet.NoTarget);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a batch of {Rows} × 256 tokens: "
            + $"{Median(steps) * 1e6:F0} µs ({steps.Min() * 1e6:F0} to {steps.Max() * 1e6:F0}), of {Steps}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{scored} scored positions, {asked} asked, {vocabulary} logits each, {asked * 4.0 * vocabulary / 1e6:F0} MB: "
            + $"{Median(evaluations):F2} s ({evaluations.Min():F2} to {evaluations.Max():F2}); medians of {Repeats}"));
        return 0;
    }

    private static async Task<(double Step, double Evaluation, long Positions)> MeasureAsync(GptScoringHost host)
    {
        var experiment = new Experiment { Id = "e0001", Candidate = Candidate.Of(), Seed = 1, Budget = Budget.OfSteps(Steps) };
        await using var session = await host.OpenAsync(experiment);
        var candidate = Task.Run(() =>
        {
            using var program = TrainingSession.Open(session.Environment[ScoringProtocol.SocketVariable],
                session.Environment[ScoringProtocol.TokenVariable]);
            var positions = 0L;
            program.PrepareEvaluation(16, (tokens, logits) =>
            {
                positions += tokens.Length;
                logits.Clear();
            });
            var start = Stopwatch.GetTimestamp();
            foreach (var _ in program.Batches(Rows))
            {
            }

            var trained = Stopwatch.GetElapsedTime(start).TotalSeconds / Steps;
            positions = 0;
            program.Evaluate();
            return (trained, positions);
        });
        var result = await session.ServeAsync(candidate);
        if (result.Outcome != RunOutcome.Completed) throw new InvalidOperationException($"{result.Outcome}: {result.Message}");
        var (step, asked) = await candidate;
        return (step, result.Metrics["evaluation_seconds"], asked);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
