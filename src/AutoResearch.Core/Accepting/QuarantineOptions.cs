namespace AutoResearch;

/// <summary>
/// What a <see cref="QuarantineRatchet"/> takes for implausible, and who is asked then. Validated when the ratchet is created.
/// </summary>
public sealed class QuarantineOptions
{
    /// <summary>
    /// A gain is implausible when it is more than this many times what kept changes usually gain: their median plus three robust
    /// standard deviations (1.4826 × the median absolute deviation). Default 3.
    /// </summary>
    public double Factor { get; set; } = 3;

    /// <summary>Kept changes that it takes to know what is usual. Default 3.</summary>
    public int LeastHistory { get; set; } = 3;

    /// <summary>
    /// A gain of more than this share of the incumbent's score is implausible while less is known, and no gain below a tenth of
    /// it is afterwards. Default 0.1.
    /// </summary>
    public double Share { get; set; } = 0.1;

    /// <summary>Opens the audit scores that the runner has sealed; null (the default) for no audit.</summary>
    public AuditSeal? Seal { get; set; }

    /// <summary>
    /// How often the audit set may be looked at in the whole loop. Every look is in the statistics of its verdict as
    /// <c>audit_look</c>. Default 20.
    /// </summary>
    public int MaxLooks { get; set; } = 20;

    /// <summary>True to look before every keep, false (the default) for implausible gains only.</summary>
    public bool AuditEveryKeep { get; set; }

    /// <summary>
    /// True (the default) when an audit that agrees is enough for an implausible gain. It shows that the gain is no matter of the
    /// validation text; it does not show that a candidate plays fair in other ways, so false asks somebody all the same.
    /// </summary>
    public bool AuditSuffices { get; set; } = true;

    /// <summary>The audit agrees when its gain differs by less than this share of the gain. Default 0.5.</summary>
    public double Agreement { get; set; } = 0.5;

    internal QuarantineOptions Validate()
    {
        Check(nameof(Factor), Factor, Factor is >= 1 and < double.PositiveInfinity, "must be at least 1");
        Check(nameof(LeastHistory), LeastHistory, LeastHistory >= 1, "must be at least 1");
        Check(nameof(Share), Share, Share is > 0 and < double.PositiveInfinity, "must be positive");
        Check(nameof(MaxLooks), MaxLooks, MaxLooks >= 0, "must not be negative");
        Check(nameof(Agreement), Agreement, Agreement is > 0 and <= 1, "must be more than 0 and at most 1");
        Check(nameof(AuditEveryKeep), AuditEveryKeep, !AuditEveryKeep || Seal is not null, "needs a Seal");
        return this;
    }

    private static void Check(string name, object value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"QuarantineOptions.{name} is {value}; it {rule}."));
    }
}
