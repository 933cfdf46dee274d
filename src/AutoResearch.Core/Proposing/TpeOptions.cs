namespace AutoResearch;

/// <summary>Settings of a <see cref="TpeProposer"/>. Validated when the proposer is created.</summary>
public sealed class TpeOptions
{
    /// <summary>
    /// Observations, the baseline among them, before the model is used; until then points are drawn at random. Default 10.
    /// </summary>
    public int StartupTrials { get; set; } = 10;

    /// <summary>
    /// Points drawn from the good density, of which the one with the best ratio of densities is proposed. Default 48.
    /// </summary>
    public int Candidates { get; set; } = 48;

    /// <summary>Share of the observations that counts as good. Default 0.1.</summary>
    public double GoodShare { get; set; } = 0.1;

    /// <summary>The most observations that count as good. Default 25.</summary>
    public int MaxGood { get; set; } = 25;

    /// <summary>Weight of the uniform prior, in observations. Default 1.</summary>
    public double PriorWeight { get; set; } = 1;

    /// <summary>
    /// The most parameters in which a proposal may differ from the incumbent, besides those that a change switches on or
    /// off. Null (the default) for all: the whole space is searched. A small number searches around the incumbent, as a
    /// person would, which pays when there are few trials.
    /// </summary>
    public int? MaxChanges { get; set; }

    internal TpeOptions Validate()
    {
        Check(nameof(StartupTrials), StartupTrials, StartupTrials >= 0, "must not be negative");
        Check(nameof(Candidates), Candidates, Candidates >= 1, "must be at least 1");
        Check(nameof(GoodShare), GoodShare, GoodShare is > 0 and < 1, "must lie between 0 and 1");
        Check(nameof(MaxGood), MaxGood, MaxGood >= 1, "must be at least 1");
        Check(nameof(PriorWeight), PriorWeight, PriorWeight > 0 && double.IsFinite(PriorWeight), "must be positive");
        Check(nameof(MaxChanges), MaxChanges, MaxChanges is null or >= 1, "must be at least 1, or null for no limit");
        return this;
    }

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"TpeOptions.{name} is {value}; it {rule}."));
    }
}
