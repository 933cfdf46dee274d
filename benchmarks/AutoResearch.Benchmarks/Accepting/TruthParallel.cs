using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Accepting;

/// <summary>
/// A long search in parallel: 700 experiments, about 20 true gains among the ideas, 16 slots. How many of the gains are kept and
/// how many of the kept are gains, by rule, at the same number of experiments; and the same after the claims and the dropping,
/// whose runs come on top.
/// </summary>
internal static class TruthParallel
{
    private const int Experiments = 700;
    private const int Slots = 16;
    private const double Sigma = 3.3e-4;
    private static readonly EffectDistribution s_effects = EffectDistribution.Mixed with { GainShare = 20.0 / Experiments };

    private static readonly (string Name, int BaselineRuns, Func<IRatchetAcceptor> Create)[] s_rules =
    [
        ("GreedyRatchet", 1, () => new GreedyRatchet()),
        ("ConfirmingRatchet", 3, () => new ConfirmingRatchet()),
        ("AdaptiveRatchet", 5, () => new AdaptiveRatchet()),
    ];

    /// <summary>The argument is the number of searches, 60 by default; the next one the first seed, 0 by default.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var searches = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 60;
        var firstSeed = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 0;
        Console.WriteLine($"{Experiments} experiments, {Slots} slots, noise {Sigma.ToString(CultureInfo.InvariantCulture)}, "
            + $"{searches} searches");
        Console.WriteLine(
            "| rule | true gain ± s.e. | ideas tried | gains among them | kept gains (recall) | kept that are gains (precision) "
            + "| merged again | after dropping: true gain | recall | precision | claims, false | runs on top |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (var (name, baselineRuns, create) in s_rules)
        {
            var outcomes = new Outcome[searches];
            await Parallel.ForAsync(0, searches,
                async (i, _) => outcomes[i] = await SearchAsync(create(), baselineRuns, firstSeed + i));
            double gains = outcomes.Sum(o => o.Gains), claims = outcomes.Sum(o => o.Claims);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| `{name}` | {Gain(outcomes, o => o.Searched)} | {outcomes.Average(o => o.Ideas):F0} | {gains / searches:F1} | "
                + $"{Kept(outcomes, o => o.Searched)} | {outcomes.Average(o => o.Merged):F1} | {Gain(outcomes, o => o.Dropped)} "
                + $"| {Kept(outcomes, o => o.Dropped)} | {claims / searches:F1}, "
                + $"{outcomes.Sum(o => o.FalseClaims) / Math.Max(1, claims):P1} | {outcomes.Average(o => o.OnTop):F0} |"));
        }
        return 0;
    }

    private static async Task<Outcome> SearchAsync(IRatchetAcceptor acceptor, int baselineRuns, int seed)
    {
        var world = new SimulatedObjective(Sigma, s_effects, seed);
        var runner = new YieldingRunner(world);
        var ideas = new IdeaSource(world, seed);
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(ideas).RunWith(runner).AcceptWith(acceptor)
            .WithSeed(seed)
            .Configure(o => (o.BaselineRuns, o.FinalRuns, o.MaxParallel) = (baselineRuns, 0, Slots)).Build();
        await foreach (var _ in loop.RunAsync(Experiments))
        {
        }
        var history = loop.History;
        var searched = history.Incumbents.Last(i => i.Trial == 0 || history.Trials[i.Trial - 1].Hypothesis.Drops is null);
        var onTop = history.ClaimRuns.Count
            + history.Trials.Where(t => t.Hypothesis.Drops is not null).Sum(t => t.Runs.Count + t.Controls.Count);
        var confirmed = history.Claims?.Confirmed.ToArray() ?? [];
        return new(Found.Of(searched.Candidate), Found.Of(history.State.Incumbent.Candidate), ideas.Count, ideas.Gains,
            history.Trials.Count(t => t.Hypothesis.RebaseOf is not null),
            confirmed.Length, confirmed.Count(c => EffectOf(history.Trials[c.Trial - 1].Hypothesis) >= 0), onTop);
    }

    private static double EffectOf(Hypothesis hypothesis) => ((ParameterChange)hypothesis.Change).Set.Values.Single().AsFloat();

    private static string Gain(Outcome[] outcomes, Func<Outcome, Found> of)
    {
        var gain = outcomes.Average(o => of(o).Gain);
        var error = Math.Sqrt(outcomes.Sum(o => Math.Pow(of(o).Gain - gain, 2))) / outcomes.Length;
        return string.Create(CultureInfo.InvariantCulture, $"{gain:F5} ± {error:F5}");
    }

    private static string Kept(Outcome[] outcomes, Func<Outcome, Found> of)
    {
        double good = outcomes.Sum(o => of(o).Good), kept = outcomes.Sum(o => of(o).Kept), gains = outcomes.Sum(o => o.Gains);
        return string.Create(CultureInfo.InvariantCulture, $"{good / gains:P0} | {good / Math.Max(1, kept):P0}");
    }

    private sealed record Outcome(
        Found Searched, Found Dropped, int Ideas, int Gains, int Merged, int Claims, int FalseClaims, int OnTop);

    /// <summary>What a candidate is made of.</summary>
    private sealed record Found(double Gain, int Good, int Kept)
    {
        public static Found Of(Candidate candidate)
        {
            double[] effects = [.. candidate.Parameters.Values.Select(v => v.AsFloat()).Skip(1)];
            return new(-SimulatedObjective.Truth(candidate), effects.Count(e => e < 0), effects.Length);
        }
    }

    /// <summary>Ideas in an order of their own: trial numbers also go to merged ideas.</summary>
    private sealed class IdeaSource(SimulatedObjective world, int seed) : IHypothesisProposer
    {
        private readonly SimulatedObjective _effects = new(0, world.Effects, seed);

        public int Count { get; private set; }

        public int Gains { get; private set; }

        public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
        {
            var effect = _effects.EffectOf(++Count);
            if (effect < 0) Gains++;
            return new(new Hypothesis
            {
                ParentId = state.Incumbent.Candidate.Id,
                Change = ParameterChange.Of(($"idea_{Count}", effect)),
                Title = $"idea {Count}",
            });
        }
    }

    /// <summary>Runs take a moment, so that the slots are really in use together.</summary>
    private sealed class YieldingRunner(IExperimentRunner inner) : IExperimentRunner
    {
        public async Task<RunResult> RunAsync(
            Experiment experiment, IProgress<Measurement>? progress, CancellationToken cancellationToken)
        {
            await Task.Delay(1 + (int)(experiment.Seed % 4), cancellationToken);
            return await inner.RunAsync(experiment, progress, cancellationToken);
        }
    }
}
