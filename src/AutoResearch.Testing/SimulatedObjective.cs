using System.Globalization;

namespace AutoResearch.Testing;

/// <summary>
/// A world whose truth is known: a proposer of ideas with known effects, and a runner that returns the true value plus
/// noise. With it a test can say how much of what a loop accepted is real. Effects are additive and never run out. Everything
/// follows from seeds, so a resumed loop sees the same world. The metric is to be minimized.
/// </summary>
public sealed class SimulatedObjective : IExperimentRunner, IHypothesisProposer
{
    private const string IdeaPrefix = "idea_";

    /// <summary>Creates a world.</summary>
    /// <param name="sigma">Standard deviation of one run's noise, in the metric's unit.</param>
    /// <param name="effects">The true effects of ideas; null for <see cref="EffectDistribution.Mixed"/>.</param>
    /// <param name="seed">The world's seed: the ideas, and the noise of each run together with the run's own seed.</param>
    /// <param name="metric">The metric's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sigma"/> is negative or not finite.</exception>
    public SimulatedObjective(double sigma, EffectDistribution? effects = null, int seed = 0, string metric = "val_bpb")
        : this(new SimulatedNoise(sigma), effects, seed, metric)
    {
    }

    /// <summary>Creates a world with other noise.</summary>
    /// <param name="noise">The noise.</param>
    /// <param name="effects">The true effects of ideas; null for <see cref="EffectDistribution.Mixed"/>.</param>
    /// <param name="seed">The world's seed: the ideas, and the noise of each run together with the run's own seed.</param>
    /// <param name="metric">The metric's name.</param>
    public SimulatedObjective(SimulatedNoise noise, EffectDistribution? effects = null, int seed = 0, string metric = "val_bpb")
    {
        ArgumentNullException.ThrowIfNull(noise);
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        Noise = noise;
        Effects = effects ?? EffectDistribution.Mixed;
        Seed = seed;
        Metric = metric;
    }

    /// <summary>The noise of runs.</summary>
    public SimulatedNoise Noise { get; }

    /// <summary>The true effects of ideas.</summary>
    public EffectDistribution Effects { get; }

    /// <summary>The world's seed.</summary>
    public int Seed { get; }

    /// <summary>The metric's name.</summary>
    public string Metric { get; }

    /// <summary>What runs report while they go on; null, the default, for nothing.</summary>
    public SimulatedCurves? Curves { get; init; }

    /// <summary>The problem of this world: its baseline has the true value 0.</summary>
    public ResearchProblem Problem => new("simulated")
    {
        Objective = Objective.Minimize(Metric),
        Baseline = Candidate.Of((IdeaPrefix + "0", 0.0)),
    };

    /// <summary>
    /// The true value of a candidate relative to the baseline's: the sum of the effects of its ideas; negative is better.
    /// </summary>
    public static double Truth(Candidate candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        return candidate.Parameters.Values.Sum(effect => effect.AsFloat());
    }

    /// <summary>How a history compares with the truth.</summary>
    public static SimulationScore Score(ResearchHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        // What the loop takes out at the end was no idea.
        var effects = history.Incumbents.Zip(history.Incumbents.Skip(1))
            .Where(p => p.Second.Trial == 0 || history.Trials[p.Second.Trial - 1].Hypothesis.Drops is null)
            .Select(p => Truth(p.Second.Candidate) - Truth(p.First.Candidate)).ToArray();
        return new()
        {
            TrueGain = -Truth(history.State.Incumbent.Candidate),
            Accepts = effects.Length,
            FalseAccepts = effects.Count(e => e >= 0),
            HarmfulAccepts = effects.Count(e => e > 0),
            Trials = history.Trials.Count(t => t.Hypothesis.Drops is null),
            Experiments = history.ExperimentsFinished,
        };
    }

    /// <inheritdoc/>
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        return ValueTask.FromResult<Hypothesis?>(new()
        {
            ParentId = state.Incumbent.Candidate.Id,
            Change = ParameterChange.Of(
                (IdeaPrefix + state.NextTrial.ToString(CultureInfo.InvariantCulture), EffectOf(state.NextTrial))),
            Title = string.Create(CultureInfo.InvariantCulture, $"idea {state.NextTrial}"),
            Proposer = "simulation",
        });
    }

    /// <inheritdoc/>
    public Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        cancellationToken.ThrowIfCancellationRequested();
        var candidate = long.Parse(experiment.Candidate.Id, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var ofCandidate = Generator(Seed, candidate);
        if (experiment.Purpose is RunPurpose.Screen or RunPurpose.Confirm && ofCandidate.NextDouble() < Noise.CrashShare)
            return Task.FromResult(RunResult.Failure(RunOutcome.Crashed, "This idea crashes."));
        var noise = Noise.Draw(ofCandidate, Generator(Seed ^ 0x5EED, experiment.Seed, candidate), Ordinal(experiment.Id));
        if (Curves is { } curves && progress is not null)
            Report(curves, experiment, Truth(experiment.Candidate), noise, Generator(Seed ^ 0xC0DE, experiment.Seed, candidate),
                progress, cancellationToken);
        return Task.FromResult(ScriptedRunner.Completed(Metric, Truth(experiment.Candidate) + noise));
    }

    /// <summary>The true effect of the idea of a trial, by its number from 1; negative is better.</summary>
    public double EffectOf(int trial) => Effects.Draw(Generator(Seed, trial));

    private void Report(
        SimulatedCurves curves, Experiment experiment, double truth, double noise, Random random, IProgress<Measurement> progress,
        CancellationToken cancellationToken)
    {
        var (early, transient) = (Noise.Sigma * Normal(random), 0.0);
        foreach (var idea in experiment.Candidate.Parameters.Keys)
            transient += curves.Transient
                * Normal(Generator(Seed ^ 0x7AB5, int.Parse(idea.AsSpan(IdeaPrefix.Length), CultureInfo.InvariantCulture)));
        for (var i = 1; i <= curves.Points; i++)
        {
            var at = (double)i / curves.Points;
            var loss = 1 + (2 * Math.Exp(-6 * at)) + truth + (at * noise) + ((1 - at) * (early + transient))
                + (curves.StepNoise * Normal(random));
            progress.Report(new Measurement(curves.Metric, loss, i, TimeSpan.FromSeconds(300 * at), at));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>A draw from the standard normal distribution (Box and Muller 1958).</summary>
    internal static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    // Ids of experiments count up, so they are the clock of the drift.
    private static int Ordinal(string id) => int.TryParse(id.AsSpan(1), CultureInfo.InvariantCulture, out var n) ? n : 0;

    // The noise depends on the candidate too: runs of two candidates with one seed are independent, as in the plain model.
    private static Random Generator(long a, long b, long c = 0)
    {
        var hash = 14695981039346656037UL;
        foreach (var part in (ReadOnlySpan<long>)[a, b, c])
        {
            hash = (hash ^ (ulong)part) * 0x9E3779B97F4A7C15UL;
            hash ^= hash >> 29;
        }
        return new Random((int)(hash ^ (hash >> 32)));
    }
}
