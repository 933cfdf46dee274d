using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Screens with one run, then decides by fresh runs of candidate and incumbent. The screening score never becomes the bar
/// and is no evidence, so that a lucky draw can neither be accepted nor block what comes after it.
/// </summary>
public sealed class ConfirmingRatchet : IRatchetAcceptor
{
    private readonly ConfirmingRatchetOptions _options;

    /// <summary>Creates the rule.</summary>
    /// <param name="options">How strict it is; null for the defaults. Do not change them afterwards.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message names it and its value.</exception>
    public ConfirmingRatchet(ConfirmingRatchetOptions? options = null) => _options = (options ?? new()).Validate();

    /// <inheritdoc/>
    public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        return ValueTask.FromResult(Evidence.RejectUnsound(comparison) ?? Judge(Evidence.Of(comparison)));
    }

    private Verdict Judge(Evidence evidence)
    {
        if (!evidence.Noise.IsKnown || evidence.Incumbent.Count == 0)
            return new NeedMore(Arm.Incumbent) { Reason = "the noise is not known: the incumbent needs another run" };
        var numbers = new Numbers(evidence, _options);
        // A screening that was passed is followed by the candidate first
        if (evidence.Candidate.Count == 0) return Screen(evidence, numbers);

        var missing = (Candidate: _options.CandidateRuns - evidence.Candidate.Count,
            Control: _options.ControlRuns - evidence.Controls.Count);
        if (missing.Candidate > 0 && _options.FailFast && evidence.Candidate.Count > 0 && numbers.Gain <= 0)
            return numbers.Reject($"no better after {evidence.Candidate.Count} fresh {Plural(evidence.Candidate.Count)}");
        if (missing.Candidate > 0 || missing.Control > 0) return Ask(evidence, missing);
        return numbers.Gain > numbers.Needed ? numbers.Accept() : numbers.Reject("not better by enough");
    }

    private Verdict Screen(Evidence evidence, Numbers numbers)
    {
        var gain = evidence.Objective.Gain(numbers.IncumbentMean, evidence.Screening!.Value);
        var needed = _options.ScreeningMargin * evidence.Noise.Sigma;
        var statistics = new Dictionary<string, double>
        {
            ["screening_gain"] = gain,
            ["screening_margin"] = needed,
            ["sigma"] = evidence.Noise.Sigma,
        };
        var text = string.Create(CultureInfo.InvariantCulture,
            $"screening {evidence.Screening:G6} against {numbers.IncumbentMean:G6}: gain {gain:G3}, "
            + $"noise {evidence.Noise.Sigma:G3}");
        return gain > needed
            ? new NeedMore(Arm.Candidate, _options.CandidateRuns)
            {
                Reason = $"promising, to be confirmed by fresh runs: {text}",
                Statistics = statistics,
            }
            : new Reject
            {
                Reason = string.Create(CultureInfo.InvariantCulture, $"not promising: {text}, {needed:G3} needed"),
                Statistics = statistics,
            };
    }

    // The arm that lags behind runs next, so that a drift of the machine meets both alike.
    private NeedMore Ask(Evidence evidence, (int Candidate, int Control) missing)
    {
        var candidateShare = (double)evidence.Candidate.Count / _options.CandidateRuns;
        var controlShare = _options.ControlRuns == 0 ? 1 : (double)evidence.Controls.Count / _options.ControlRuns;
        return missing.Candidate > 0 && (missing.Control <= 0 || candidateShare <= controlShare)
            ? new NeedMore(Arm.Candidate, missing.Candidate)
            {
                Reason = $"fresh runs of the candidate: {evidence.Candidate.Count} of {_options.CandidateRuns}",
            }
            : new NeedMore(Arm.Incumbent, missing.Control)
            {
                Reason = $"fresh controls of the incumbent: {evidence.Controls.Count} of {_options.ControlRuns}",
            };
    }

    private static string Plural(int runs) => runs == 1 ? "run" : "runs";

    /// <summary>The comparison of the fresh runs in numbers.</summary>
    private sealed class Numbers
    {
        private readonly Evidence _evidence;
        private readonly double _standardError;
        private readonly double _candidateMean;

        public Numbers(Evidence evidence, ConfirmingRatchetOptions options)
        {
            _evidence = evidence;
            IncumbentMean = Sample.Of([.. evidence.Incumbent]).Mean;
            _candidateMean = Sample.Of([.. evidence.Candidate]).Mean;
            Gain = evidence.Objective.Gain(IncumbentMean, _candidateMean);
            if (evidence.Candidate.Count == 0) return;
            var (candidate, incumbent) = (evidence.Sigma(evidence.Candidate, options.NoisePriorRuns),
                evidence.Sigma(evidence.Incumbent, options.NoisePriorRuns));
            _standardError = Math.Sqrt(
                (candidate * candidate / evidence.Candidate.Count) + (incumbent * incumbent / evidence.Incumbent.Count));
            Needed = _standardError * (options.StandardErrors == 0 ? 0
                : StudentT.Quantile(StudentT.NormalCdf(options.StandardErrors), evidence.Noise.DegreesOfFreedom));
        }

        public double IncumbentMean { get; }

        public double Gain { get; }

        public double Needed { get; }

        public Accept Accept() => new() { Reason = $"confirmed: {Text()}", Statistics = Statistics() };

        public Reject Reject(string why) => new() { Reason = $"{why}: {Text()}", Statistics = Statistics() };

        private string Text() => string.Create(CultureInfo.InvariantCulture,
            $"gain {Gain:G3} ± {_standardError:G2} ({_evidence.Candidate.Count} fresh runs, mean {_candidateMean:G6}, "
            + $"against {_evidence.Incumbent.Count} of the incumbent, mean {IncumbentMean:G6}; more than {Needed:G3} needed)");

        private Dictionary<string, double> Statistics() => new()
        {
            ["gain"] = Gain,
            ["se"] = _standardError,
            ["z"] = _standardError > 0 ? Gain / _standardError : Gain == 0 ? 0 : Math.CopySign(double.MaxValue, Gain),
            ["needed"] = Needed,
            ["sigma"] = _evidence.Noise.Sigma,
            ["candidate_mean"] = _candidateMean,
            ["incumbent_mean"] = IncumbentMean,
            ["candidate_runs"] = _evidence.Candidate.Count,
            ["incumbent_runs"] = _evidence.Incumbent.Count,
        };
    }
}
