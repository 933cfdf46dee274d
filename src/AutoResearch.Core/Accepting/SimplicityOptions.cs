namespace AutoResearch;

/// <summary>What code is worth, in units of the noise of one run. Validated when the rule is created.</summary>
public sealed record SimplicityOptions
{
    /// <summary>
    /// The gain that a line of code or a parameter that is added must bring, in standard deviations of one run. Default 0.02:
    /// fifty more lines have to bring one standard deviation.
    /// </summary>
    public double SigmasPerLine { get; init; } = 0.02;

    /// <summary>Added lines and parameters that are free. Default 5.</summary>
    public int FreeLines { get; init; } = 5;

    /// <summary>How many lines and parameters a change must take away for an equal result to be a keep. Default 1.</summary>
    public int LeastRemoved { get; init; } = 1;

    /// <summary>How much worse "equal" may be, in standard deviations of one run. Default 1.</summary>
    public double MarginSigmas { get; init; } = 1;

    /// <summary>One minus the chance that a change which is worse by the whole margin counts as equal. Default 0.95.</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>
    /// Fresh runs of each arm after which a simpler candidate that is not shown to be equal is discarded. Default 8, at least 2.
    /// </summary>
    public int MaxRunsPerArm { get; init; } = 8;

    internal SimplicityOptions Validate()
    {
        Check(nameof(SigmasPerLine), SigmasPerLine, double.IsFinite(SigmasPerLine) && SigmasPerLine >= 0, "must not be negative");
        Check(nameof(FreeLines), FreeLines, FreeLines >= 0, "must not be negative");
        Check(nameof(LeastRemoved), LeastRemoved, LeastRemoved >= 1, "must be at least 1");
        Check(nameof(MarginSigmas), MarginSigmas, double.IsFinite(MarginSigmas) && MarginSigmas > 0, "must be positive");
        Check(nameof(Confidence), Confidence, Confidence is > 0.5 and < 1, "must lie between 0.5 and 1");
        Check(nameof(MaxRunsPerArm), MaxRunsPerArm, MaxRunsPerArm >= 2, "must be at least 2");
        return this;
    }

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"SimplicityOptions.{name} is {value}; it {rule}."));
    }
}
