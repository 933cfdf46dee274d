using System.Globalization;
using System.Runtime.CompilerServices;

namespace AutoResearch;

/// <summary>
/// Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011) with multivariate kernels (Falkner, Klein
/// and Hutter 2018): models the good tenth of the trials and the rest as two densities, draws from the good one, and
/// proposes the point where their ratio is largest.
/// </summary>
/// <remarks>
/// The score of a trial is the mean of its fresh runs, or of its screening run while there are none. Broken guards rank
/// behind feasible trials, failures behind both; trials that are still running count as bad. Exact duplicates are never
/// proposed; null is returned when a finite space has no point left. Thread-safe; the proposal is a function of the state
/// alone, so a resumed loop repeats it.
/// </remarks>
public sealed class TpeProposer : IHypothesisProposer
{
    private const int MaxDraws = 100;
    private readonly SearchSpace? _space;
    private readonly TpeOptions _options;
    private readonly ConditionalWeakTable<Candidate, TpeObservations.Point> _points = [];

    /// <summary>Creates a proposer.</summary>
    /// <param name="options">Its settings; null for the defaults. Do not change them afterwards.</param>
    /// <param name="space">The space; null for the problem's.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message names it and its value.</exception>
    public TpeProposer(TpeOptions? options = null, SearchSpace? space = null)
    {
        _options = (options ?? new()).Validate();
        _space = space;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">There is no search space.</exception>
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        cancellationToken.ThrowIfCancellationRequested();
        var space = Proposal.SpaceOf(_space, state, nameof(TpeProposer));
        var random = state.CreateRandom("tpe");
        var tried = Proposal.TriedIn(state);
        var observations = TpeObservations.Of(state, space, _options, _points);
        var isStartup = observations.Good.Count + observations.Bad.Count < _options.StartupTrials || observations.Good.Count == 0;
        var (candidate, rationale) = isStartup
            ? (Explore(state, space, tried, random), "Drawn at random: too few trials for a model.")
            : Exploit(state, space, tried, random, observations);
        candidate ??= Proposal.AnyUntried(state, space, tried, random);
        return ValueTask.FromResult(candidate is null ? null : Proposal.Create(state, candidate, "tpe", rationale));
    }

    private Candidate? Explore(ResearchState state, SearchSpace space, HashSet<string> tried, Random random)
    {
        var prior = new ParzenEstimator(space, [], _options.PriorWeight);
        for (var draw = 0; draw < MaxDraws; draw++)
        {
            var candidate = Draw(state, space, prior, random);
            if (!tried.Contains(candidate.Id)) return candidate;
        }
        return null;
    }

    private (Candidate? Candidate, string Rationale) Exploit(
        ResearchState state, SearchSpace space, HashSet<string> tried, Random random, TpeObservations observations)
    {
        var good = new ParzenEstimator(space, observations.Good, _options.PriorWeight);
        var bad = new ParzenEstimator(space, observations.Bad, _options.PriorWeight);
        Candidate? best = null;
        var bestRatio = double.NegativeInfinity;
        for (var (draw, found) = (0, 0); draw < MaxDraws + _options.Candidates && found < _options.Candidates; draw++)
        {
            var candidate = Draw(state, space, good, random);
            if (tried.Contains(candidate.Id)) continue;
            found++;
            var ratio = good.LogDensity(candidate.Parameters) - bad.LogDensity(candidate.Parameters);
            if (ratio > bestRatio) (best, bestRatio) = (candidate, ratio);
        }
        return (best, string.Create(CultureInfo.InvariantCulture,
            $"{Math.Exp(Math.Min(bestRatio, 50)):G3} times as likely among the best {observations.Good.Count} as among the other "
            + $"{observations.Bad.Count} trials."));
    }

    private Candidate Draw(ResearchState state, SearchSpace space, ParzenEstimator density, Random random)
    {
        var incumbent = state.Incumbent.Candidate;
        if (_options.MaxChanges is not { } most || most >= space.Parameters.Count)
            return Proposal.Move(incumbent, space, density.Sample(random));

        var names = space.Parameters.Select(p => p.Name).ToArray();
        random.Shuffle(names);
        var free = names.Take(random.Next(1, most + 1)).ToHashSet(StringComparer.Ordinal);
        return Proposal.Move(incumbent, space, density.Sample(random, parameter =>
            !free.Contains(parameter.Name) && incumbent.Parameters.TryGetValue(parameter.Name, out var value)
                && parameter.Contains(value)
                ? parameter.Normalize(value)
                : (ParameterValue?)null));
    }
}
