using System.Globalization;

namespace AutoResearch.Benchmarks.RealTrainer;

/// <summary>
/// Searches on the real trainer with the same number of training runs: ours beside greedy rules, random search and Optuna. What
/// each says that it gained stands beside what fresh seeds say.
/// </summary>
internal static class RealTrainer
{
    private const int BaselineRuns = 5;

    /// <summary>
    /// Arguments: --runs N (training runs a search), --searches N, --fresh N (seeds of the verdict), --tokens N, --threads N.
    /// </summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var (runs, searches, fresh) = (Number(args, "--runs", 40), Number(args, "--searches", 3), Number(args, "--fresh", 8));
        var tokens = Number(args, "--tokens", 65_536);
        var problem = RealProblem.Create(tokens);
        using var trainer = new Trainer(problem, Number(args, "--threads", 2));
        Console.WriteLine($"{runs} runs a search, {searches} searches a method, {tokens} tokens a run, {fresh} fresh seeds");

        var baseline = await trainer.ScoresAsync(problem.Baseline, fresh);
        var noise = Math.Sqrt(baseline.Sum(s => Math.Pow(s - baseline.Average(), 2)) / (fresh - 1));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"A/A: baseline {baseline.Average():F4}, σ of one run {noise:F4} bits/byte"));

        List<PeerResult> results =
            [new("A/A: noise of one run of the baseline", noise, "bits/byte", $"{fresh} seeds", null, null)];
        foreach (var method in SearchMethod.All)
        {
            List<double> said = [], differences = [];
            for (var search = 0; search < searches; search++)
            {
                var found = await method.SearchAsync(problem, trainer, runs, BaselineRuns, 100 + search);
                if (found is not { } best)
                {
                    Console.WriteLine($"{method.Name}: missing (apt-get install python3-optuna)");
                    break;
                }

                var scores = await trainer.ScoresAsync(best.Candidate, fresh);
                var paired = baseline.Zip(scores, (b, s) => b - s).ToArray();
                said.Add(best.Gain);
                differences.Add(paired.Average());
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{method.Name,-28} search {search}: says {best.Gain,8:F4}, "
                    + $"fresh seeds {paired.Average(),8:F4} ± {StandardError(paired):F4}  {best.Candidate.Parameters}"));
            }

            if (differences.Count == 0) continue;
            results.Add(new($"{method.Name}: gain on fresh seeds, mean of {differences.Count} searches", differences.Average(),
                "bits/byte", "what the search itself says", said.Average(), null));
        }

        Console.WriteLine();
        foreach (var result in results) Console.WriteLine(result);
        PeerResult.Publish("real-trainer.json", results);
        return 0;
    }

    private static double StandardError(double[] values) =>
        Math.Sqrt(values.Sum(v => Math.Pow(v - values.Average(), 2)) / (values.Length - 1) / values.Length);

    private static int Number(string[] args, string name, int fallback)
    {
        var at = Array.IndexOf(args, name);
        return at < 0 ? fallback : int.Parse(args[at + 1], CultureInfo.InvariantCulture);
    }
}
