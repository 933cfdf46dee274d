using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Accepting;

/// <summary>
/// The tables of docs/truth.md: what the ratchet finds, how much of it is true, and how honest its claims are, in worlds
/// whose truth is known. The noise and the effects are not told to the ratchet.
/// </summary>
internal static class Truth
{
    private const int Runs = 500;
    private const double Typical = 3.3e-4;
    private static int? s_sentinels;

    private static readonly World[] s_worlds =
    [
        new("noise 0.0001", new(1e-4), "true gain ≥ 0.0195, false keeps ≤ 15 %"),
        new("noise 0.00033", new(Typical), "true gain ≥ 0.0145, false keeps ≤ 30 %"),
        new("noise 0.001", new(1e-3), "true gain ≥ 0.0047, false keeps ≤ 30 %"),
        new("noise 0.003", new(3e-3), "true gain ≥ 0"),
        new("heavy tails (t, 3 df)", new(Typical) { HeavyTails = true }),
        new("normal noise as wide as those tails", new(Typical * Math.Sqrt(3))),
        new("noise differs 5× between candidates", new(Typical) { Spread = 5 }),
        new("drift of +2σ per 100 runs", new(Typical) { DriftPerRun = 0.02 * Typical }),
        new("drift of −2σ per 100 runs", new(Typical) { DriftPerRun = -0.02 * Typical }),
        new("90 % of ideas crash", new(Typical) { CrashShare = 0.9 }),
        new("nothing helps", new(Typical))
        {
            Effects = EffectDistribution.Placebo,
            Trials = 100,
            Goal = "≤ 0.7 claims per 100 proposals",
        },
    ];

    /// <summary>Arguments: --quick, --repeats N, --first-seed N, --world TEXT, --sentinels N.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var repeats = Argument(args, "--repeats") is { } r ? int.Parse(r, CultureInfo.InvariantCulture)
            : args.Contains("--quick") ? 40
            : 200;
        var firstSeed = Argument(args, "--first-seed") is { } s ? int.Parse(s, CultureInfo.InvariantCulture) : 0;
        s_sentinels = Argument(args, "--sentinels") is { } every ? int.Parse(every, CultureInfo.InvariantCulture) : null;
        var results = new List<PeerResult>();
        Console.WriteLine($"AdaptiveRatchet, {Runs} runs a search, {repeats} searches a world, seeds from {firstSeed}");
        Console.WriteLine("| world | true gain ± s.e. | ideal | keeps | false keeps | claims | false claims | runs for claims | "
            + "dropped at the end, gains among them | interval covers | goal |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var world in s_worlds.Where(w =>
            Argument(args, "--world") is not { } text || w.Name.Contains(text, StringComparison.OrdinalIgnoreCase)))
        {
            var outcomes = new Outcome[repeats];
            await Parallel.ForAsync(0, repeats, async (i, _) => outcomes[i] = await SearchAsync(world, firstSeed + i));
            Console.WriteLine(Row(world, outcomes));
            results.AddRange(Results(world, outcomes));
        }
        PeerResult.Publish("truth.json", results);
        return 0;
    }

    private static async Task<Outcome> SearchAsync(World world, int seed)
    {
        var objective = new SimulatedObjective(world.Noise, world.Effects, seed);
        await using var loop = ResearchLoop.Create(objective.Problem).ProposeWith(objective).RunWith(objective)
            .AcceptWith(new AdaptiveRatchet(new() { SentinelEvery = s_sentinels })).WithSeed(seed)
            .Configure(o => (o.BaselineRuns, o.FinalRuns, o.MaxExperiments, o.MaxTrials) = (5, 5, Runs, world.Trials)).Build();
        await foreach (var _ in loop.RunAsync())
        {
        }
        var history = loop.History;
        var score = SimulatedObjective.Score(history);
        var confirmed = history.Claims?.Confirmed.ToArray() ?? [];
        var dropped = history.Claims?.Claims.Where(c => c.Status == ClaimStatus.Dropped).ToArray() ?? [];
        return new(score, confirmed.Length, confirmed.Count(c => objective.EffectOf(c.Trial) >= 0), history.ClaimRuns.Count,
            history.Gain is { } gain ? gain.Low <= score.TrueGain && score.TrueGain <= gain.High : null,
            Enumerable.Range(1, score.Trials).Sum(t => Math.Max(0, -objective.EffectOf(t))), dropped.Length,
            dropped.Count(c => objective.EffectOf(c.Trial) < 0));
    }

    private static string Row(World world, Outcome[] outcomes)
    {
        var gain = Sum(outcomes, o => o.Score.TrueGain) / outcomes.Length;
        var error = Math.Sqrt(Sum(outcomes, o => Math.Pow(o.Score.TrueGain - gain, 2))) / outcomes.Length;
        var covered = outcomes.Where(o => o.Covers is not null).ToArray();
        return string.Create(CultureInfo.InvariantCulture,
            $"| {world.Name} | {gain:F5} ± {error:F5} | {Sum(outcomes, o => o.Possible) / outcomes.Length:F5} | "
            + $"{Sum(outcomes, o => o.Score.Accepts) / outcomes.Length:F1} | "
            + $"{Share(outcomes, o => o.Score.FalseAccepts, o => o.Score.Accepts):P0} | "
            + $"{Sum(outcomes, o => o.Claims) / outcomes.Length:F2} | {Share(outcomes, o => o.FalseClaims, o => o.Claims):P1} | "
            + $"{Sum(outcomes, o => o.ClaimRuns) / outcomes.Length:F0} | {Sum(outcomes, o => o.Dropped) / outcomes.Length:F1}, "
            + $"{Share(outcomes, o => o.GoodDropped, o => o.Dropped):P0} | "
            + $"{Share(covered, o => o.Covers == true ? 1 : 0, _ => 1):P0} of {covered.Length} | {world.Goal} |");
    }

    private static IEnumerable<PeerResult> Results(World world, Outcome[] outcomes)
    {
        var searches = $"{outcomes.Length} searches";
        yield return new($"{world.Name}: true gain", Sum(outcomes, o => o.Score.TrueGain) / outcomes.Length, "bpb",
            $"possible gain of the same ideas; {searches}", Sum(outcomes, o => o.Possible) / outcomes.Length, null);
        yield return new($"{world.Name}: false share of keeps", Share(outcomes, o => o.Score.FalseAccepts, o => o.Score.Accepts),
            "share", searches, null, null);
        yield return new($"{world.Name}: false share of claims", Share(outcomes, o => o.FalseClaims, o => o.Claims), "share",
            searches, null, null);
        yield return new($"{world.Name}: claims", Sum(outcomes, o => o.Claims) / outcomes.Length, "per search",
            searches, null, null);
        yield return new($"{world.Name}: dropped at the end", Sum(outcomes, o => o.Dropped) / outcomes.Length, "per search",
            searches, null, null);
        yield return new($"{world.Name}: true gains among the dropped", Share(outcomes, o => o.GoodDropped, o => o.Dropped),
            "share", searches, null, null);
        Outcome[] covered = [.. outcomes.Where(o => o.Covers is not null)];
        yield return new($"{world.Name}: 95 % interval covers the true gain",
            Share(covered, o => o.Covers == true ? 1 : 0, _ => 1), "share", $"{covered.Length} searches with a gain", null, null);
    }

    private static double Sum(Outcome[] outcomes, Func<Outcome, double> value) => outcomes.Sum(value);

    private static double Share(Outcome[] outcomes, Func<Outcome, double> part, Func<Outcome, double> whole) =>
        Sum(outcomes, part) / Math.Max(1, Sum(outcomes, whole));

    private static string? Argument(string[] args, string name) =>
        Array.IndexOf(args, name) is >= 0 and var i && i + 1 < args.Length ? args[i + 1] : null;

    private sealed record World(string Name, SimulatedNoise Noise, string Goal = "")
    {
        public EffectDistribution Effects { get; init; } = EffectDistribution.Mixed;

        public int? Trials { get; init; }

        public string Goal { get; init; } = Goal;
    }

    private sealed record Outcome(
        SimulationScore Score, int Claims, int FalseClaims, int ClaimRuns, bool? Covers, double Possible, int Dropped,
        int GoodDropped);
}
