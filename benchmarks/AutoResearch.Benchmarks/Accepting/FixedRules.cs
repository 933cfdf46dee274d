using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Accepting;

/// <summary>
/// The table of docs/acceptors.md: what fixed rules find, and how much of it is false, in a world whose truth is known.
/// </summary>
internal static class FixedRules
{
    private const int Runs = 500;
    private static readonly double[] s_sigmas = [1e-4, 3.3e-4, 1e-3, 3e-3];

    private static readonly (string Name, int BaselineRuns, Func<double, IRatchetAcceptor> Create)[] s_rules =
    [
        ("greedy", 1, _ => new GreedyRatchet()),
        ("greedy, minGain = noise", 1, sigma => new GreedyRatchet(sigma)),
        ("confirming", 3, _ => new ConfirmingRatchet()),
        ("confirming, StandardErrors 0", 3, _ => new ConfirmingRatchet(new() { StandardErrors = 0 })),
        ("confirming, CandidateRuns 3", 3, _ => new ConfirmingRatchet(new() { CandidateRuns = 3 })),
        ("confirming, strict", 3, _ => new ConfirmingRatchet(new() { StandardErrors = 2, ScreeningMargin = 1, ControlRuns = 2 })),
    ];

    /// <summary>The argument is the number of repeats, 200 by default.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var repeats = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 200;
        Console.WriteLine($"{Runs} runs, {repeats} repeats: true gain ± standard error / false share of accepts");
        foreach (var (name, baselineRuns, create) in s_rules)
        {
            Console.Write($"{name,-30}");
            foreach (var sigma in s_sigmas)
            {
                var scores = new List<SimulationScore>();
                for (var seed = 0; seed < repeats; seed++) scores.Add(await ScoreAsync(sigma, create(sigma), baselineRuns, seed));
                var gain = scores.Average(s => s.TrueGain);
                var error = Math.Sqrt(scores.Average(s => Math.Pow(s.TrueGain - gain, 2)) / repeats);
                var share = scores.Sum(s => s.FalseAccepts) / Math.Max(1.0, scores.Sum(s => s.Accepts));
                Console.Write(string.Create(CultureInfo.InvariantCulture, $"  {gain,7:F4} ±{error:F4} /{share,4:P0}"));
            }
            Console.WriteLine();
        }
        return 0;
    }

    private static async Task<SimulationScore> ScoreAsync(double sigma, IRatchetAcceptor acceptor, int baselineRuns, int seed)
    {
        var world = new SimulatedObjective(sigma, EffectDistribution.Mixed, seed);
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).AcceptWith(acceptor)
            .WithSeed(seed)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxExperiments) = (baselineRuns, 0, 0, Runs)).Build();
        await foreach (var _ in loop.RunAsync())
        {
        }
        return SimulatedObjective.Score(loop.History);
    }
}
