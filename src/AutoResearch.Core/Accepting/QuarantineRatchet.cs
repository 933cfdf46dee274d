using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Keeps no gain that is too good to be true on its word. What the inner acceptor would keep, but lies far outside what kept
/// changes gain, is held: the sealed audit scores of its runs are looked at, or somebody is asked through the loop's
/// <see cref="IApprovalGate"/>; a loop without a gate leaves it undecided.
/// </summary>
/// <remarks>
/// Looks at the audit set follow Thresholdout (Dwork et al., "The reusable holdout", Science 2015; the ladder of Blum and Hardt,
/// ICML 2015, has the same aim): while it agrees with the validation set nothing but that is said, and when it does not, its gain
/// is told with noise. Looks are rationed, counted from the verdicts in the journal, and a repeated look gives the same answer,
/// so that a killed loop decides again as it did. Wrap it around all other acceptors. One instance serves one loop at a time.
/// </remarks>
public sealed class QuarantineRatchet : DelegatingAcceptor
{
    /// <summary>
    /// The statistic that marks a verdict which somebody has to approve, whatever the policy says of other keeps.
    /// </summary>
    public const string Mark = "quarantine";

    /// <summary>The statistic with the number of a look at the audit set, from 1.</summary>
    public const string LookMark = "audit_look";

    private const string Measured = "gain_measured";
    private readonly QuarantineOptions _options;

    /// <summary>Creates the ratchet.</summary>
    /// <param name="inner">The acceptor that judges otherwise.</param>
    /// <param name="options">What is implausible, and who is asked; null for the defaults. Do not change them afterwards.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message says which.</exception>
    public QuarantineRatchet(IRatchetAcceptor inner, QuarantineOptions? options = null) : base(inner) =>
        _options = (options ?? new()).Validate();

    /// <summary>Whether a verdict waits for somebody's approval because its gain is implausible.</summary>
    public static bool IsQuarantined(Verdict verdict)
    {
        ArgumentNullException.ThrowIfNull(verdict);
        return verdict is Accept && verdict.Statistics.ContainsKey(Mark);
    }

    /// <inheritdoc/>
    public override async ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var verdict = await base.JudgeAsync(comparison, cancellationToken).ConfigureAwait(false);
        return verdict is Accept accept ? Examine(accept, comparison) : verdict;
    }

    private Verdict Examine(Accept accept, Comparison comparison)
    {
        var objective = comparison.Problem.Objective;
        if (GainOf(comparison.Trial.Runs, comparison.Incumbent.Runs, objective) is not { } gain) return accept;
        var limit = Limit(comparison.State, comparison.Incumbent, objective);
        var implausible = !(gain <= limit);
        var statistics = new Dictionary<string, double>(accept.Statistics) { [Measured] = gain, ["gain_limit"] = limit };
        if (!implausible && !_options.AuditEveryKeep) return accept with { Statistics = statistics };

        var suspicion = implausible
            ? string.Create(CultureInfo.InvariantCulture,
                $"the gain {gain:G3} is more than the {limit:G3} that is plausible here")
            : "";
        if (Look(comparison, gain) is { } look)
        {
            foreach (var (name, value) in look.Statistics) statistics[name] = value;
            if (!look.Agrees)
            {
                return new Reject
                {
                    Reason = string.Create(CultureInfo.InvariantCulture,
                        $"the audit set does not show the gain of {gain:G3}: there it is about {look.Gain:G3}"),
                    Statistics = statistics,
                };
            }

            if (!implausible) return accept with { Statistics = statistics };
            if (_options.AuditSuffices)
                return accept with
                {
                    Reason = $"{accept.Reason}; {suspicion}, and the audit set shows it too",
                    Statistics = statistics,
                };
            suspicion += ", though the audit set shows it too";
        }

        if (!implausible) return accept with { Statistics = statistics };
        statistics[Mark] = 1;
        return accept with { Reason = $"in quarantine: {suspicion}; {accept.Reason}", Statistics = statistics };
    }

    /// <summary>The largest gain that is believed.</summary>
    private double Limit(ResearchState state, Incumbent incumbent, Objective objective)
    {
        var level = Math.Abs(Mean(incumbent.Runs, objective) ?? double.PositiveInfinity);
        var gains = new List<double>();
        foreach (var trial in state.Trials)
        {
            if (trial.Verdict is Accept && GainBefore(state, trial, objective) is { } gain) gains.Add(Math.Abs(gain));
        }

        if (gains.Count < _options.LeastHistory) return _options.Share * level;
        var median = Median(gains);
        var deviation = 1.4826 * Median([.. gains.Select(g => Math.Abs(g - median))]);
        return Math.Max(_options.Factor * (median + (3 * deviation)), _options.Share * level / 10);
    }

    // A verdict that this acceptor has examined has the gain; others are measured against what was kept before them.
    private static double? GainBefore(ResearchState state, Trial trial, Objective objective)
    {
        if (trial.Verdict!.Statistics.TryGetValue(Measured, out var measured)) return measured;
        IReadOnlyList<Run> before = state.Trials.LastOrDefault(t => t.Verdict is Accept && t.Number < trial.Number)?.Runs
            ?? state.BaselineRuns;
        return GainOf(trial.Runs, [.. before, .. trial.Controls], objective);
    }

    private AuditLook? Look(Comparison comparison, double gain)
    {
        if (_options.Seal is not { } seal) return null;
        var looks = comparison.State.Trials.Count(t =>
            t.Number != comparison.Trial.Number && (t.Verdict ?? t.HeldVerdict)?.Statistics.ContainsKey(LookMark) == true);
        if (looks >= _options.MaxLooks) return null;
        var objective = comparison.Problem.Objective;
        var (candidate, incumbent) = (Scores(seal, comparison.Trial.Runs), Scores(seal, comparison.Incumbent.Runs));
        if (candidate.Length == 0 || incumbent.Length == 0) return null;
        var sigma = comparison.State.Noise is { IsKnown: true } noise
            ? noise.Sigma * Math.Sqrt((1.0 / candidate.Length) + (1.0 / incumbent.Length))
            : 0;
        return AuditLook.Take(gain, objective.Gain(incumbent.Average(), candidate.Average()), _options.Agreement, sigma,
            seal.CreateRandom($"{comparison.State.Seed}/{comparison.Trial.Number}/{candidate.Length}/{incumbent.Length}"),
            looks + 1);
    }

    private static double[] Scores(AuditSeal seal, IReadOnlyList<Run> runs) => [.. runs.Select(seal.Read).OfType<double>()];

    private static double? GainOf(IReadOnlyList<Run> candidate, IReadOnlyList<Run> incumbent, Objective objective) =>
        Mean(candidate, objective) is { } mine && Mean(incumbent, objective) is { } other ? objective.Gain(other, mine) : null;

    private static double? Mean(IReadOnlyList<Run> runs, Objective objective)
    {
        var sample = Sample.Of(runs, objective);
        return sample.Count > 0 ? sample.Mean : null;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values.Count % 2 == 1 ? values[values.Count / 2] : (values[(values.Count / 2) - 1] + values[values.Count / 2]) / 2;
    }
}
