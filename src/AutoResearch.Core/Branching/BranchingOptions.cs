namespace AutoResearch;

/// <summary>How several branches share a budget. Validated when the research is created.</summary>
public sealed record BranchingOptions
{
    /// <summary>
    /// Experiments that a branch gets at a time. Default 20. Each slice ends with the branch's claims and final runs,
    /// which cost runs too.
    /// </summary>
    public int Slice { get; init; } = 20;

    /// <summary>Slices in a row without a new confirmed gain after which a branch is dead. Default 3.</summary>
    public int DeadAfter { get; init; } = 3;

    /// <summary>How many of a branch's last slices tell its present rate of returns. Default 3.</summary>
    public int Window { get; init; } = 3;

    /// <summary>How much is tried beside what did best: the factor of the bandit's exploration, 0 or more. Default 0.5.</summary>
    public double Exploration { get; init; } = 0.5;

    internal BranchingOptions Validate()
    {
        Check(nameof(Slice), Slice, Slice >= 1, "must be at least 1");
        Check(nameof(DeadAfter), DeadAfter, DeadAfter >= 1, "must be at least 1");
        Check(nameof(Window), Window, Window >= 1, "must be at least 1");
        Check(nameof(Exploration), Exploration, Exploration >= 0, "must be 0 or more");
        return this;
    }

    private static void Check(string name, object value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"BranchingOptions.{name} is {value}; it {rule}."));
    }
}
