namespace AutoResearch;

/// <summary>When a conditional parameter applies: another parameter is active and has one of these values.</summary>
/// <param name="Parameter">The name of the other parameter.</param>
/// <param name="Values">The values that switch the conditional parameter on; at least one.</param>
public sealed record SearchCondition(string Parameter, IReadOnlyList<ParameterValue> Values)
{
    /// <summary>True when the other parameter is among <paramref name="values"/> with one of the wanted values.</summary>
    public bool Holds(IReadOnlyDictionary<string, ParameterValue> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.TryGetValue(Parameter, out var value) && Values.Contains(value);
    }

    /// <summary>The condition as text, e.g. "optimizer is muon or sgd".</summary>
    public override string ToString() => $"{Parameter} is {string.Join(" or ", Values)}";
}
