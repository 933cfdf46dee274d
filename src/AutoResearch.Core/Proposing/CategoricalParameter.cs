namespace AutoResearch;

/// <summary>A dimension of unordered choices; a boolean is one with the choices false and true.</summary>
public sealed class CategoricalParameter : SearchParameter
{
    private readonly ParameterValue[] _choices;

    internal CategoricalParameter(string name, IEnumerable<ParameterValue> choices, IReadOnlyList<SearchCondition> conditions)
        : base(name, conditions)
    {
        _choices = [.. choices];
        if (_choices.Length == 0) throw new ArgumentException($"'{name}' has no choices; give at least one.", nameof(choices));
        var twice = _choices.GroupBy(c => c).FirstOrDefault(g => g.Count() > 1);
        if (twice is not null)
            throw new ArgumentException($"The choice '{twice.Key}' of '{name}' occurs twice.", nameof(choices));
    }

    /// <summary>The choices in the order given.</summary>
    public IReadOnlyList<ParameterValue> Choices => _choices;

    /// <inheritdoc/>
    public override long? Count => _choices.Length;

    /// <inheritdoc/>
    public override IEnumerable<ParameterValue> Values => _choices;

    /// <inheritdoc/>
    public override string Range => string.Join(" | ", _choices);

    /// <inheritdoc/>
    public override string? Violation(ParameterValue value) => Array.IndexOf(_choices, value) >= 0
        ? null
        : $"{Name} = {value} is not one of {Range}" + (_choices.Any(c => c.ToString() == value.ToString())
            ? $": it is of kind {value.Kind}, the choice of kind {_choices.First(c => c.ToString() == value.ToString()).Kind}"
            : ": choose one of them, or add it");

    /// <inheritdoc/>
    public override ParameterValue Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return _choices[random.Next(_choices.Length)];
    }

    internal int IndexOf(ParameterValue value) => Array.IndexOf(_choices, value);
}
