namespace AutoResearch;

/// <summary>
/// One dimension of a <see cref="SearchSpace"/>: <see cref="FloatParameter"/>, <see cref="IntegerParameter"/> or
/// <see cref="CategoricalParameter"/>. Immutable and thread-safe.
/// </summary>
public abstract class SearchParameter
{
    private protected SearchParameter(string name, IReadOnlyList<SearchCondition> conditions)
    {
        if (string.IsNullOrWhiteSpace(name))
            throw new ArgumentException("A parameter of a search space needs a name.", nameof(name));
        Name = name;
        Conditions = conditions;
    }

    /// <summary>Its name, as candidates carry it.</summary>
    public string Name { get; }

    /// <summary>The conditions that must all hold for the parameter to apply; empty when it always does.</summary>
    public IReadOnlyList<SearchCondition> Conditions { get; }

    /// <summary>How many values it can take; null when it is continuous.</summary>
    public abstract long? Count { get; }

    /// <summary>All values in order.</summary>
    /// <exception cref="InvalidOperationException">The parameter is continuous.</exception>
    public abstract IEnumerable<ParameterValue> Values { get; }

    /// <summary>The range as text, e.g. "0.001 … 0.1 (log)".</summary>
    public abstract string Range { get; }

    /// <summary>Null when the parameter can take the value, otherwise a sentence with the value, the range and the fix.</summary>
    public abstract string? Violation(ParameterValue value);

    /// <summary>True when the parameter can take the value.</summary>
    public bool Contains(ParameterValue value) => Violation(value) is null;

    /// <summary>Draws a value: uniform over the range, in the logarithm for log parameters.</summary>
    public abstract ParameterValue Sample(Random random);

    /// <summary>True when all conditions hold for <paramref name="values"/>, which must hold no inactive parameters.</summary>
    public bool IsActive(IReadOnlyDictionary<string, ParameterValue> values)
    {
        foreach (var condition in Conditions)
        {
            if (!condition.Holds(values)) return false;
        }
        return true;
    }

    /// <summary>The value in the form that the space itself produces: an integer given for a float becomes a float.</summary>
    internal virtual ParameterValue Normalize(ParameterValue value) => value;

    /// <summary>Name, range and conditions, e.g. "momentum: 0.8 … 0.99, when optimizer is muon".</summary>
    public override string ToString() =>
        Conditions.Count == 0 ? $"{Name}: {Range}" : $"{Name}: {Range}, when {string.Join(" and ", Conditions)}";
}
