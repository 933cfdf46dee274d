using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>Sets parameters, and removes those that the new values make meaningless (conditional parameters).</summary>
/// <param name="Set">The values to put in or to replace.</param>
public sealed record ParameterChange(ParameterSet Set) : Change
{
    /// <summary>Names of parameters to remove; none by default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<string>? Remove { get; init; }

    /// <summary>A change from names and values.</summary>
    public static ParameterChange Of(params ReadOnlySpan<(string Name, ParameterValue Value)> values) =>
        new(ParameterSet.Of(values));

    /// <summary>The change that turns <paramref name="from"/> into <paramref name="to"/>.</summary>
    public static ParameterChange Between(ParameterSet from, ParameterSet to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        var removed = from.Keys.Where(name => !to.ContainsKey(name)).ToArray();
        return new(new ParameterSet(to.Where(p => !from.TryGetValue(p.Key, out var old) || old != p.Value)))
        {
            Remove = removed.Length == 0 ? null : removed,
        };
    }

    /// <inheritdoc/>
    public override Candidate ApplyTo(Candidate parent)
    {
        ArgumentNullException.ThrowIfNull(parent);
        var kept = Remove is null ? parent.Parameters : parent.Parameters.Without(Remove.ToHashSet(StringComparer.Ordinal));
        return new Candidate { Parameters = kept.With(Set), Source = parent.Source };
    }
}
