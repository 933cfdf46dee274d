namespace AutoResearch;

/// <summary>
/// A numeric dimension. Its values correspond to the unit interval, linearly or by the logarithm; a value of a discrete
/// parameter owns a cell of the interval, so that all values of a linear one are equally likely.
/// </summary>
public abstract class NumericParameter : SearchParameter
{
    private protected NumericParameter(string name, IReadOnlyList<SearchCondition> conditions, bool isLog)
        : base(name, conditions) => IsLog = isLog;

    /// <summary>True when equal ratios, not equal differences, are equal steps.</summary>
    public bool IsLog { get; }

    /// <summary>Where in 0…1 the value lies; the middle of its cell for a discrete parameter.</summary>
    internal abstract double ToUnit(ParameterValue value);

    /// <summary>The value at a place in 0…1.</summary>
    internal abstract ParameterValue FromUnit(double unit);

    /// <summary>The part of 0…1 that belongs to the value; empty for a continuous parameter.</summary>
    internal abstract (double Low, double High) Cell(ParameterValue value);

    /// <inheritdoc/>
    public override ParameterValue Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return FromUnit(random.NextDouble());
    }
}
