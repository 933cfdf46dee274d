using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Decides by expected gain per run. It measures the noise first, learns from every trial how large the effects of ideas
/// are, and for each candidate weighs what another run of it, or of the incumbent, would add against what the same run could
/// find elsewhere: hopeless ideas cost one run, large gains are kept at once, close calls get more runs.
/// </summary>
/// <remarks>
/// An accept is a provisional keep: it steers the search and may be wrong (see <see cref="AdaptiveRatchetOptions.Probability"/>).
/// The incumbent's level is a belief that every trial updates and not the score that won, so a lucky draw does not become
/// the bar. Beliefs about effects are a learned mixture (Stephens 2017), the value of runs is that of the knowledge gradient
/// (Frazier, Powell, Dayanik 2008). One instance serves one loop at a time.
/// </remarks>
public sealed class AdaptiveRatchet : IRatchetAcceptor
{
    private readonly AdaptiveRatchetOptions _options;
    private readonly Lock _lock = new();
    private AdaptiveMemory? _memory;

    /// <summary>Creates the ratchet.</summary>
    /// <param name="options">Its prior beliefs; null for the defaults. Do not change them afterwards.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message names it and its value.</exception>
    public AdaptiveRatchet(AdaptiveRatchetOptions? options = null) => _options = (options ?? new()).Validate();

    /// <inheritdoc/>
    public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        lock (_lock) return ValueTask.FromResult(Evidence.RejectUnsound(comparison) ?? Judge(comparison));
    }

    private Verdict Judge(Comparison comparison)
    {
        var first = FirstRuns.Of(comparison.State, comparison.Trial, _options.NoiseRuns);
        if (first.Losses.Length < _options.NoiseRuns)
        {
            var missing = _options.NoiseRuns - first.Losses.Length;
            return new NeedMore(Arm.Incumbent, missing)
            {
                Reason = $"the noise is not known yet: {first.Losses.Length} of {_options.NoiseRuns} runs of the baseline",
            };
        }
        if (_memory?.TryRead(comparison.State) != true)
        {
            _memory = new(first, comparison.Problem.Objective, _options);
            _memory.TryRead(comparison.State);
        }
        if (_memory.NeedsSentinel(comparison.Trial))
        {
            var (slope, error) = _memory.Drift;
            return new NeedMore(Arm.Baseline)
            {
                Reason = string.Create(CultureInfo.InvariantCulture,
                    $"a sentinel is due: the drift is {slope:G2} ± {error:G1} per run so far"),
                Statistics = new Dictionary<string, double> { ["drift"] = slope, ["drift_se"] = error },
            };
        }
        return Decide(_memory, _memory.Look(comparison.Trial), comparison.Problem.Objective);
    }

    private Verdict Decide(AdaptiveMemory memory, Situation s, Objective objective)
    {
        var price = memory.Price;
        var next = s.CandidateRuns + s.Controls < _options.MaxRuns ? s.NextRuns(_options.Probability, price) : null;
        var better = s.IsBetter(_options.Probability);
        var statistics = new Dictionary<string, double>
        {
            ["gain"] = s.Effect.ExpectedGain,
            ["se"] = s.Effect.Deviation,
            ["p_better"] = s.Effect.ProbabilityBetter,
            ["sigma"] = memory.Sigma,
            ["incumbent"] = objective.ToLoss(s.Incumbent.Mean),
            ["incumbent_se"] = Math.Sqrt(s.Incumbent.Variance),
            ["drift"] = memory.Drift.Slope,
            ["run_value"] = next?.Value ?? 0,
            ["run_price"] = price,
        };
        var numbers = string.Create(CultureInfo.InvariantCulture,
            $"expected gain {s.Effect.ExpectedGain:G3} ± {s.Effect.Deviation:G2}, better with probability "
            + $"{s.Effect.ProbabilityBetter:P0} (mean {objective.ToLoss(s.CandidateMean):G6} of {s.CandidateRuns} against "
            + $"{objective.ToLoss(s.Incumbent.Mean):G6} ± {Math.Sqrt(s.Incumbent.Variance):G2}, noise {memory.Sigma:G2})");
        if (next is { } runs)
        {
            var arm = runs.Arm == Arm.Candidate ? "candidate" : "incumbent";
            return new NeedMore(runs.Arm, runs.Runs)
            {
                Reason = string.Create(CultureInfo.InvariantCulture,
                    $"another run of the {arm} is worth {runs.Value:G2}, its price is {price:G2}: {numbers}"),
                Statistics = statistics,
            };
        }
        return better
            ? new Accept { Reason = numbers, Statistics = statistics }
            : new Reject { Reason = numbers, Statistics = statistics };
    }
}
