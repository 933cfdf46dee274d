namespace AutoResearch;

/// <summary>How a <see cref="PortfolioProposer"/> weighs and waits.</summary>
public sealed class PortfolioOptions
{
    /// <summary>
    /// What an hour of running costs, in the user's currency, beside the money that proposals and runs report. Default 2.
    /// </summary>
    public decimal MoneyPerHour { get; set; } = 2;

    /// <summary>
    /// The ledger of the chat proposers in the portfolio: what a model's failed attempts have cost is booked to whoever proposes
    /// in its place. Null (the default) when they have none in common.
    /// </summary>
    public ChatLedger? Ledger { get; set; }

    /// <summary>The wait after all members have failed; each further one is twice as long. Default 5 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest such wait. Default 5 minutes.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long to wait while no member's provider answers. Default 12 hours.</summary>
    public TimeSpan MaxOutage { get; set; } = TimeSpan.FromHours(12);

    /// <summary>The clock for the waits. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal PortfolioOptions Validate()
    {
        Check(nameof(MoneyPerHour), MoneyPerHour, MoneyPerHour >= 0, "must not be negative");
        Check(nameof(RetryDelay), RetryDelay, RetryDelay > TimeSpan.Zero, "must be positive");
        Check(nameof(MaxRetryDelay), MaxRetryDelay, MaxRetryDelay >= RetryDelay, "must not be below RetryDelay");
        Check(nameof(MaxOutage), MaxOutage, MaxOutage >= TimeSpan.Zero, "must not be negative");
        return this;
    }

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"PortfolioOptions.{name} is {value}; it {rule}."));
    }
}
