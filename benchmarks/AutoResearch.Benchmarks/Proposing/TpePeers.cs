using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace AutoResearch.Benchmarks.Proposing;

/// <summary>
/// Our TPE beside Optuna's: best of 100 trials over 20 seeds, and the time of one ask and tell with the journal on disk.
/// </summary>
internal static class TpePeers
{
    private const int Trials = 100;
    private const int History = 400;

    /// <summary>Arguments: the first seed and the number of seeds; 1000 and 20 by default.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var first = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1000;
        var seeds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 20;
        var peer = await PeerAsync(first, seeds);
        if (peer is null) Console.WriteLine("Optuna is missing: apt-get install python3-optuna. Ours alone:");
        var name = peer is null ? "missing" : $"Optuna {peer.Value.GetProperty("version").GetString()}, multivariate TPE";
        var results = new List<PeerResult>();
        foreach (var (test, space, function) in TestFunctions.All)
        {
            var best = new List<double>();
            for (var seed = first; seed < first + seeds; seed++) best.Add(await BestAsync(space, function, seed));
            var theirs = peer?.GetProperty("best").GetProperty(test).EnumerateArray().Select(v => v.GetDouble()).ToList();
            results.Add(
                new($"{test}, best of {Trials}", Median(best), "value", name, theirs is null ? null : Median(theirs), null));
        }
        var ours = await AskTellAsync();
        var peerTime = peer?.GetProperty("ask_tell_ms").GetDouble();
        results.Add(new($"ask and tell at trial {History}", ours, "ms", name, peerTime, peerTime / ours));
        if (peer is null)
        {
            foreach (var r in results)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Case,-28} {r.Value,12:G5} {r.Unit}"));
            return 1;
        }
        foreach (var r in results) Console.WriteLine(r);
        PeerResult.Publish("tpe.json", results);
        return 0;
    }

    private static async Task<double> BestAsync(SearchSpace space, Func<ParameterSet, double> function, int seed)
    {
        await using var loop = ResearchLoop.Create(Problem(space, seed))
            .ProposeWith(new TpeProposer()).RunWith(new Evaluator(function)).AcceptWith(new GreedyRatchet()).WithSeed(seed)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxTrials) = (1, 0, 0, Trials - 1)).Build();
        await foreach (var _ in loop.RunAsync())
        {
        }
        return loop.History.State.Incumbent.Runs.Min(r => r.Result.Metrics["loss"]);
    }

    // The journal flushes every event to the disk, Optuna's does so too.
    private static async Task<double> AskTellAsync()
    {
        var directory = Directory.CreateTempSubdirectory("tpe-peers-").FullName;
        try
        {
            var times = new List<double>();
            var last = 0L;
            await using var loop = ResearchLoop.Create(Problem(TestFunctions.Cube(10, -5, 5), 1))
                .ProposeWith(new TpeProposer()).RunWith(new Evaluator(p => p.Values.Sum(v => Math.Pow(v.AsFloat() - 1, 2))))
                .AcceptWith(new GreedyRatchet()).RecordTo(directory)
                .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxTrials) = (1, 0, 0, History + 15)).Build();
            await foreach (var e in loop.RunAsync())
            {
                if (e is not TrialJudged { Verdict.IsFinal: true } judged) continue;
                if (judged.Trial > History) times.Add(Stopwatch.GetElapsedTime(last).TotalMilliseconds);
                last = Stopwatch.GetTimestamp();
            }
            return Median(times);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // The baseline is the first random point, as Optuna's first trial is.
    private static ResearchProblem Problem(SearchSpace space, int seed) => new("tpe-peers")
    {
        Objective = Objective.Minimize("loss"),
        Baseline = new Candidate { Parameters = space.Sample(new Random(seed)) },
        SearchSpace = space,
    };

    private static async Task<JsonElement?> PeerAsync(int first, int seeds)
    {
        var script = Path.Combine(PeerResult.Root(), "benchmarks", "peers", "optuna_tpe.py");
        try
        {
            using var process = Process.Start(new ProcessStartInfo("/usr/bin/python3",
                [script, $"{first}", $"{seeds}", $"{Trials}", $"{History}"])
            {
                RedirectStandardOutput = true,
            })!;
            var text = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? JsonDocument.Parse(text).RootElement : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    private sealed class Evaluator(Func<ParameterSet, double> function) : IExperimentRunner
    {
        public Task<RunResult> RunAsync(
            Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default) =>
            Task.FromResult(
                RunResult.Complete(new Dictionary<string, double> { ["loss"] = function(experiment.Candidate.Parameters) }));
    }
}
