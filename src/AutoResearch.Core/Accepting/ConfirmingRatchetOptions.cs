namespace AutoResearch;

/// <summary>How strict a <see cref="ConfirmingRatchet"/> is. Validated when the ratchet is created.</summary>
public sealed class ConfirmingRatchetOptions
{
    /// <summary>Fresh runs of the candidate after a promising screening. Default 2.</summary>
    public int CandidateRuns { get; set; } = 2;

    /// <summary>
    /// Fresh runs of the incumbent, interleaved with the candidate's; they stay with the incumbent's evidence. Default 1:
    /// enough to notice that the machine has become faster or slower.
    /// </summary>
    public int ControlRuns { get; set; } = 1;

    /// <summary>
    /// Standard errors by which the mean of the fresh runs must be better. Default 1. While the noise is known from few runs
    /// only, the quantile of Student's t with the same tail probability takes its place.
    /// </summary>
    public double StandardErrors { get; set; } = 1;

    /// <summary>
    /// Standard deviations by which the screening score must be better to be worth confirming. Default 0.5: it spares the
    /// confirming runs of most ideas that do nothing, and loses few that do something.
    /// </summary>
    public double ScreeningMargin { get; set; } = 0.5;

    /// <summary>
    /// True to reject as soon as the mean of the fresh runs so far is not better than the incumbent's. Default true.
    /// </summary>
    public bool FailFast { get; set; } = true;

    /// <summary>
    /// How many runs' worth of trust the noise pooled over all configurations has against the spread of a configuration's own
    /// runs. Default 8: noise differs between configurations, but two runs say little about it.
    /// </summary>
    public double NoisePriorRuns { get; set; } = 8;

    internal ConfirmingRatchetOptions Validate()
    {
        Check(nameof(CandidateRuns), CandidateRuns, CandidateRuns >= 1, "must be at least 1");
        Check(nameof(ControlRuns), ControlRuns, ControlRuns >= 0, "must not be negative");
        Check(nameof(StandardErrors), StandardErrors, StandardErrors is >= 0 and < 10, "must lie between 0 and 10");
        Check(nameof(ScreeningMargin), ScreeningMargin, double.IsFinite(ScreeningMargin), "must be finite");
        Check(nameof(NoisePriorRuns), NoisePriorRuns, NoisePriorRuns is > 0 and < 1e6, "must be positive");
        return this;
    }

    private static void Check(string name, object value, bool good, string rule)
    {
        if (!good)
            throw new ArgumentException(FormattableString.Invariant($"ConfirmingRatchetOptions.{name} is {value}; it {rule}."));
    }
}
