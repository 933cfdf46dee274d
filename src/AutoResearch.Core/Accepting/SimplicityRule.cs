using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Autoresearch's simplicity rule around another acceptor: an equal result with less code is a keep, a tiny gain with much more
/// code is not. Lines and parameters that were added and taken away stand among the statistics of every verdict.
/// </summary>
/// <remarks>
/// "Equal" is shown by a test of non-inferiority with fresh runs of both arms: the lower confidence bound of the gain must lie
/// above minus the margin, which is a multiple of the noise. A row of such keeps cannot give away more than one margin in all,
/// since what earlier ones may have lost is taken off. While no noise is known, nothing is kept for being simpler.
/// </remarks>
public sealed class SimplicityRule : DelegatingAcceptor
{
    private const string Key = "simpler_gain";
    private readonly SimplicityOptions _options;

    /// <summary>Creates the rule.</summary>
    /// <param name="inner">The acceptor that decides what is better.</param>
    /// <param name="options">What code is worth; null for the defaults.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message names it and its value.</exception>
    public SimplicityRule(IRatchetAcceptor inner, SimplicityOptions? options = null)
        : base(inner) => _options = (options ?? new()).Validate();

    /// <inheritdoc/>
    public override async ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var verdict = await base.JudgeAsync(comparison, cancellationToken).ConfigureAwait(false);
        var (before, after) = (comparison.Incumbent.Candidate, comparison.Trial.Candidate!);
        var patch = PatchText.Between(before, after);
        var growth = SourceComplexity.Of(after) - SourceComplexity.Of(before);
        verdict = verdict switch
        {
            Accept accept => Price(accept, growth, comparison),
            Reject or Indecisive when growth <= -_options.LeastRemoved && Evidence.RejectUnsound(comparison) is null =>
                Equal(verdict, growth, comparison),
            _ => verdict,
        };
        return With(verdict, ("lines_added", patch.Added), ("lines_removed", patch.Removed),
            ("complexity", SourceComplexity.Of(after)));
    }

    private Verdict Price(Accept accept, int growth, Comparison comparison)
    {
        var noise = comparison.State.Noise;
        if (growth <= _options.FreeLines || !noise.IsKnown || !accept.Statistics.TryGetValue("gain", out var gain)) return accept;
        var price = (growth - _options.FreeLines) * _options.SigmasPerLine * noise.Sigma;
        return gain >= price ? accept : With(new Reject
        {
            Reason = string.Create(CultureInfo.InvariantCulture,
                $"a gain of {gain:G4} does not pay for {growth} more lines and parameters, which have to bring {price:G4}; "
                + $"else {accept.Reason}"),
            Statistics = accept.Statistics,
        }, ("price", price));
    }

    private Verdict Equal(Verdict verdict, int growth, Comparison comparison)
    {
        var (evidence, noise) = (Evidence.Of(comparison), comparison.State.Noise);
        if (!noise.IsKnown || noise.DegreesOfFreedom < 2) return verdict;
        var debt = comparison.State.Trials.Where(t => t.Verdict is Accept)
            .Sum(t => Math.Min(0, t.Verdict!.Statistics.GetValueOrDefault(Key)));
        var margin = (_options.MarginSigmas * noise.Sigma) + debt;
        if (!(margin > 0)) return verdict;
        var (candidate, incumbent) = (evidence.Candidate, evidence.Incumbent);
        var first = evidence.Screening is { } screening && incumbent.Count > 0
            ? evidence.Objective.Gain(incumbent.Average(), screening)
            : 0;
        // Three standard deviations: a screening score that is worse by that much is no equal result.
        if (candidate.Count == 0 && first < -3 * noise.Sigma) return verdict;
        if (candidate.Count < 2) return More(Arm.Candidate);
        if (incumbent.Count < 2) return More(Arm.Incumbent);
        var gain = evidence.Objective.Gain(incumbent.Average(), candidate.Average());
        var error = noise.Sigma * Math.Sqrt((1.0 / candidate.Count) + (1.0 / incumbent.Count));
        var low = gain - (StudentT.Quantile(_options.Confidence, noise.DegreesOfFreedom) * error);
        var lost = Math.Min(0, gain);
        if (low > -margin)
        {
            return With(new Accept
            {
                Reason = string.Create(CultureInfo.InvariantCulture,
                    $"as good with {-growth} fewer lines and parameters: gain {gain:G4}, "
                    + $"above {low:G4} with {_options.Confidence:P0} confidence, {-margin:G4} is allowed"),
                Statistics = verdict.Statistics,
            }, ("gain", gain), ("se", error), ("margin", margin), (Key, lost));
        }

        if (gain < -margin) return verdict;
        var arm = candidate.Count <= incumbent.Count ? Arm.Candidate : Arm.Incumbent;
        return Math.Min(candidate.Count, incumbent.Count) < _options.MaxRunsPerArm ? More(arm) : verdict;

        NeedMore More(Arm wanted) => new(wanted)
        {
            Reason = string.Create(CultureInfo.InvariantCulture,
                $"{-growth} fewer lines and parameters: is it as good, within {margin:G4}?"),
        };
    }

    private static Verdict With(Verdict verdict, params ReadOnlySpan<(string Name, double Value)> numbers)
    {
        var statistics = new Dictionary<string, double>(verdict.Statistics, StringComparer.Ordinal);
        foreach (var (name, value) in numbers) statistics[name] = value;
        return verdict with { Statistics = statistics };
    }
}
