namespace AutoResearch;

/// <summary>
/// What an <see cref="AdaptiveRatchet"/> believes before it has seen anything, and how sure it wants to be. Validated when
/// the ratchet is created.
/// </summary>
public sealed class AdaptiveRatchetOptions
{
    /// <summary>
    /// Runs of the baseline (A/A runs) from which the noise is measured before anything is decided. Default 5, at least 3.
    /// Where the loop was told to make fewer, the ratchet asks for controls.
    /// </summary>
    public int NoiseRuns { get; set; } = 5;

    /// <summary>
    /// Probability that the candidate is truly better that an accept needs, beside a positive expected gain. Default 0.6: an
    /// accept only steers the search, and a claim is tested afresh.
    /// </summary>
    public double Probability { get; set; } = 0.6;

    /// <summary>Runs of both arms after which a trial is decided on what is known. Default 12.</summary>
    public int MaxRuns { get; set; } = 12;

    /// <summary>
    /// How many runs' worth of trust the noise pooled over all configurations has against the spread of a configuration's own
    /// runs. Default 8.
    /// </summary>
    public double NoisePriorRuns { get; set; } = 8;

    /// <summary>Share of ideas that help, before any was tried. Default 0.08; the ratchet learns the true share.</summary>
    public double GainShare { get; set; } = 0.08;

    /// <summary>Share of ideas that do nothing, before any was tried. Default 0.25; the ratchet learns the true share.</summary>
    public double NullShare { get; set; } = 0.25;

    /// <summary>How many trials the two shares, and the sizes assumed with them, count for. Default 80.</summary>
    public double PriorTrials { get; set; } = 80;

    /// <summary>
    /// After how many runs the baseline is run again as a sentinel, so that a drift of the machine is told from gains. Null (the
    /// default) decides by what is known: about every 20 runs until the drift is known well, then up to every 80 where there
    /// is none. 0 for never.
    /// </summary>
    public int? SentinelEvery { get; set; }

    internal AdaptiveRatchetOptions Validate()
    {
        Check(nameof(SentinelEvery), SentinelEvery ?? 0, SentinelEvery is null or >= 0,
            "must be 0 for never, or a number of runs");
        Check(nameof(NoiseRuns), NoiseRuns, NoiseRuns >= 3, "must be at least 3");
        Check(nameof(Probability), Probability, Probability is >= 0.5 and < 1, "must lie between 0.5 and 1");
        Check(nameof(MaxRuns), MaxRuns, MaxRuns >= 2, "must be at least 2");
        Check(nameof(NoisePriorRuns), NoisePriorRuns, NoisePriorRuns is > 0 and < 1e6, "must be positive");
        Check(nameof(GainShare), GainShare, GainShare is > 0 and < 1, "must lie between 0 and 1");
        Check(nameof(NullShare), NullShare, NullShare >= 0 && NullShare + GainShare < 1,
            "must not be negative, and leave a share for harms");
        Check(nameof(PriorTrials), PriorTrials, PriorTrials is > 0 and < 1e6, "must be positive");
        return this;
    }

    private static void Check(string name, object value, bool good, string rule)
    {
        if (!good)
            throw new ArgumentException(FormattableString.Invariant($"AdaptiveRatchetOptions.{name} is {value}; it {rule}."));
    }
}
