using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Accepting;

/// <summary>
/// A long search in parallel: 700 experiments, about 20 true gains among the ideas, 16 slots. How many of the gains are kept and
/// how many of the kept are gains, by rule, at the same number of experiments.
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
        Console.WriteLine($"{Experiments} experiments, {Slots} slots, noise {Sigma.ToString(CultureInfo.InvariantCulture)}, {searches} searches");
        Console.WriteLine("| rule | true gain ± s.e. | ideas tried | gains among them | kept gains (recall) | kept that are gains (precision) | merged again |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var (name, baselineRuns, create) in s_rules)
        {
            var outcomes = new Outcome[searches];
            await Parallel.ForAsync(0, searches, async (i, _) => outcomes[i] = await SearchAsync(create(), baselineRuns, firstSeed + i));
            var gain = outcomes.Average(o => o.Gain);
            var error = Math.Sqrt(outcomes.Sum(o => Math.Pow(o.Gain - gain, 2))) / searches;
            double kept = outcomes.Sum(o => o.KeptGains), gains = outcomes.Sum(o => o.Gains), all = outcomes.Sum(o => o.Kept);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| `{name}` | {gain:F5} ± {error:F5} | {outcomes.Average(o => o.Ideas):F0} | {gains / searches:F1} | {kept / gains:P0} | {kept / all:P0} | {outcomes.Average(o => o.Merged):F1} |"));
        }
        return 0;
    }

    private static async Task<Outcome> SearchAsync(IRatchetAcceptor acceptor, int baselineRuns, int seed)
    {
        var world = new SimulatedObjective(Sigma, s_effects, seed);
        var runner = new YieldingRunner(world);
        var ideas = new IdeaSource(world, seed);
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(ideas).RunWith(runner).AcceptWith(acceptor).WithSeed(seed)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxParallel) = (baselineRuns, 0, 0, Slots)).Build();
        await foreach (var _ in loop.RunAsync(Experiments))
        {
        }
        var history = loop.History;
        var effects = history.State.Incumbent.Candidate.Parameters.Values.Select(v => v.AsFloat()).Skip(1).ToArray();
        return new(-SimulatedObjective.Truth(history.State.Incumbent.Candidate), ideas.Count, ideas.Gains,
            effects.Count(e => e < 0), effects.Length, history.Trials.Count(t => t.Hypothesis.RebaseOf is not null));
    }

    private sealed record Outcome(double Gain, int Ideas, int Gains, int KeptGains, int Kept, int Merged);

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
        public async Task<RunResult> RunAsync(Experiment experiment, IProgress<Measurement>? progress, CancellationToken cancellationToken)
        {
            await Task.Delay(1 + (int)(experiment.Seed % 4), cancellationToken);
            return await inner.RunAsync(experiment, progress, cancellationToken);
        }
    }
}
