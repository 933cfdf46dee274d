using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Accepting;

/// <summary>
/// The table of docs/monitoring.md: what comparing learning curves saves, and how many truly better ideas it costs, in simulated
/// searches whose truth is known. Every rule has the same budget.
/// </summary>
internal static class MonitorCost
{
    private const int Experiments = 300;
    private const double Sigma = 3.3e-4;

    private static readonly (string Name, EffectDistribution Effects, SimulatedCurves Curves)[] s_worlds =
    [
        ("most ideas near the incumbent", EffectDistribution.Mixed, new()),
        ("many ideas far worse", EffectDistribution.Mixed with { HarmDeviation = 0.01 }, new()),
        ("many far worse, curves cross more", EffectDistribution.Mixed with { HarmDeviation = 0.01 },
            new() { Transient = 0.004 }),
    ];

    private static readonly (string Name, Func<IRunMonitor?> Create)[] s_rules =
    [
        ("none", () => null),
        ("`IncumbentCurveMonitor`", () => new IncumbentCurveMonitor()),
        ("… from 0.3", () => new IncumbentCurveMonitor(from: 0.3)),
        ("… 5 deviations", () => new IncumbentCurveMonitor(deviations: 5)),
        ("… signed-rank test alone", () => new IncumbentCurveMonitor(deviations: 0)),
        ("`MedianMonitor`", () => new MedianMonitor()),
        ("`AshaMonitor`", () => new AshaMonitor()),
    ];

    /// <summary>Arguments: number of searches (default 40), first seed (default 0).</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var searches = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 40;
        var firstSeed = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 0;
        var results = new List<PeerResult>();
        Console.WriteLine($"AdaptiveRatchet, a budget of {Experiments} whole runs, "
            + $"noise {Sigma.ToString(CultureInfo.InvariantCulture)}, {searches} searches, seeds from {firstSeed}");
        foreach (var (world, effects, curves) in s_worlds)
        {
            Console.WriteLine($"\n{world}\n");
            Console.WriteLine(
                "| rule | ideas tried | stopped | budget saved | better ideas stopped | true gain ± s.e. | false keeps |");
            Console.WriteLine("|---|---|---|---|---|---|---|");
            foreach (var (name, create) in s_rules)
            {
                var outcomes = new Outcome[searches];
                await Parallel.ForAsync(0, searches,
                    async (i, _) => outcomes[i] = await SearchAsync(create(), effects, curves, firstSeed + i));
                var gain = outcomes.Average(o => o.Gain);
                var error = Math.Sqrt(outcomes.Sum(o => Math.Pow(o.Gain - gain, 2))) / searches;
                double better = outcomes.Sum(o => o.Better), lost = outcomes.Sum(o => o.BetterStopped),
                    ideas = outcomes.Sum(o => o.Ideas);
                double saved = outcomes.Average(o => o.Returned) / outcomes.Average(o => Experiments + o.Returned);
                double keeps = outcomes.Sum(o => o.Keeps);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {name} | {ideas / searches:F0} | {outcomes.Sum(o => o.Stopped) / ideas:P0} | {saved:P0} | "
                    + $"{lost / better:P1} of {better:F0} | {gain:F5} ± {error:F5} | "
                    + $"{outcomes.Sum(o => o.FalseKeeps) / keeps:P0} |"));
                results.Add(new($"{world}, {name}: better ideas stopped", lost / better, "share",
                    $"{better:F0} better ideas in {searches} searches", null, null));
                results.Add(new($"{world}, {name}: budget saved", saved, "share", $"{searches} searches", null, null));
                results.Add(new($"{world}, {name}: true gain", gain, "bpb", $"{searches} searches, standard error {error:G2}",
                    null, null));
            }
        }
        PeerResult.Publish("monitors.json", results);
        return 0;
    }

    private static async Task<Outcome> SearchAsync(
        IRunMonitor? monitor, EffectDistribution effects, SimulatedCurves curves, int seed)
    {
        var world = new SimulatedObjective(Sigma, effects, seed) { Curves = curves };
        // Every rule keeps the curves, so that nothing but the stopping differs.
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world)
            .AcceptWith(new AdaptiveRatchet()).WithSeed(seed)
            .MonitorWith(monitor ?? new NonFiniteMonitor())
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MeasurementBuffer) = (5, 0, 0, 1)).Build();
        await foreach (var _ in loop.RunAsync(Experiments))
        {
        }
        var history = loop.History;
        var score = SimulatedObjective.Score(history);
        var better = history.Trials.Where(t => world.EffectOf(t.Number) < 0).ToArray();
        return new(score.TrueGain, score.Trials, history.Trials.Count(IsStopped), history.ExperimentsReturned, better.Length,
            better.Count(IsStopped), score.Accepts, score.FalseAccepts);
    }

    private static bool IsStopped(Trial trial) => trial.Runs is [{ Result.Outcome: RunOutcome.Stopped }, ..];

    private sealed record Outcome(
        double Gain, int Ideas, int Stopped, double Returned, int Better, int BetterStopped, int Keeps, int FalseKeeps);
}
