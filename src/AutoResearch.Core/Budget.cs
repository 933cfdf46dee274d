namespace AutoResearch;

/// <summary>
/// What one experiment may spend. Every part is optional and the first one exhausted ends the run; the runner owns the
/// clock and the counters, never the experiment.
/// </summary>
public sealed record Budget
{
    /// <summary>No limit at all.</summary>
    public static Budget Unlimited { get; } = new();

    /// <summary>Time in the training loop, start-up, compilation and evaluation excluded; null for no limit.</summary>
    public TimeSpan? Training { get; init; }

    /// <summary>Time from the start of the run to its end, everything included; null for no limit.</summary>
    public TimeSpan? Wall { get; init; }

    /// <summary>Optimizer steps; null for no limit.</summary>
    public long? Steps { get; init; }

    /// <summary>Training tokens (or samples, where there are no tokens); null for no limit.</summary>
    public long? Tokens { get; init; }

    /// <summary>Floating-point operations; null for no limit.</summary>
    public double? Flops { get; init; }

    /// <summary>Peak memory in bytes; null for no limit.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Money in the user's currency; null for no limit.</summary>
    public decimal? Money { get; init; }

    /// <summary>A budget of training time.</summary>
    public static Budget TrainingTime(TimeSpan time) => new Budget { Training = time }.Validate();

    /// <summary>A budget of wall-clock time.</summary>
    public static Budget WallTime(TimeSpan time) => new Budget { Wall = time }.Validate();

    /// <summary>A budget of optimizer steps.</summary>
    public static Budget OfSteps(long steps) => new Budget { Steps = steps }.Validate();

    /// <summary>A budget of training tokens.</summary>
    public static Budget OfTokens(long tokens) => new Budget { Tokens = tokens }.Validate();

    /// <summary>Returns this budget when every limit that is set is positive.</summary>
    /// <exception cref="ArgumentException">A limit is zero or negative; the message names it and its value.</exception>
    public Budget Validate()
    {
        Check(nameof(Training), Training is { } t && t <= TimeSpan.Zero, Training);
        Check(nameof(Wall), Wall is { } w && w <= TimeSpan.Zero, Wall);
        Check(nameof(Steps), Steps <= 0, Steps);
        Check(nameof(Tokens), Tokens <= 0, Tokens);
        Check(nameof(Flops), Flops is { } f && !(f > 0), Flops);
        Check(nameof(MemoryBytes), MemoryBytes <= 0, MemoryBytes);
        Check(nameof(Money), Money <= 0, Money);
        return this;
    }

    private static void Check(string name, bool wrong, object? value)
    {
        if (wrong)
            throw new ArgumentException(FormattableString.Invariant(
                $"Budget.{name} is {value}; it must be positive. Leave it null for no limit."));
    }
}
