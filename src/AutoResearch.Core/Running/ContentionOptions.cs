namespace AutoResearch;

/// <summary>From where on a machine counts as disturbed. Validated by <see cref="ResearchLoopBuilder.Build"/>.</summary>
public sealed record ContentionOptions
{
    /// <summary>
    /// Processor time of other programs, as a share of all processors of the machine, 0…1. Default 0.25. It is looked at in loops
    /// that run one experiment at a time: the programs of several runs cannot be told from those of others.
    /// </summary>
    public double ForeignLoad { get; init; } = 0.25;

    /// <summary>How often the processors may be slowed down for their heat during a run. Default 0.</summary>
    public int Throttlings { get; init; }

    /// <summary>
    /// The least speed of a repeated candidate, in steps (or else tokens) per time, as a share of the median of its earlier runs,
    /// 0…1. Default 0.7. A new candidate may be as slow as it likes.
    /// </summary>
    public double LeastSpeed { get; init; } = 0.7;

    /// <summary>Runs that are shorter are not looked at. Default 2 seconds.</summary>
    public TimeSpan LeastTime { get; init; } = TimeSpan.FromSeconds(2);

    internal ContentionOptions Validate()
    {
        if (ForeignLoad is not (> 0 and <= 1))
            throw Wrong(nameof(ForeignLoad), ForeignLoad, "must lie between 0 and 1, e.g. 0.25");
        if (LeastSpeed is not (>= 0 and < 1))
            throw Wrong(nameof(LeastSpeed), LeastSpeed, "must be at least 0 and less than 1, e.g. 0.7");
        if (Throttlings < 0) throw Wrong(nameof(Throttlings), Throttlings, "must be 0 or more");
        return LeastTime >= TimeSpan.Zero ? this : throw Wrong(nameof(LeastTime), LeastTime, "must not be negative");
    }

    private static ArgumentException Wrong(string name, object value, string rule) =>
        new(FormattableString.Invariant($"ContentionOptions.{name} is {value}; it {rule}."));
}
