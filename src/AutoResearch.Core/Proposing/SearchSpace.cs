namespace AutoResearch;

/// <summary>
/// The parameters that may vary, with their ranges. Immutable and thread-safe: every method that adds a parameter returns
/// a new space.
/// </summary>
/// <remarks>
/// <code>
/// var space = new SearchSpace()
///     .Int("depth", 2, 12)
///     .LogFloat("lr", 1e-4, 1e-1)
///     .Categorical("optimizer", "adamw", "muon")
///     .When("optimizer", "muon", muon => muon.Float("momentum", 0.8, 0.99));
/// </code>
/// A condition can only name a parameter that was added before it, so conditions can nest but never form a circle.
/// Parameters of a candidate that the space does not name are left alone by everything here.
/// </remarks>
public sealed class SearchSpace
{
    private readonly SearchParameter[] _parameters;
    private readonly Dictionary<string, SearchParameter> _byName;
    private readonly SearchCondition[] _conditions;
    private readonly Lazy<long?> _size;

    /// <summary>Creates a space without parameters.</summary>
    public SearchSpace() : this([], [])
    {
    }

    private SearchSpace(SearchParameter[] parameters, SearchCondition[] conditions)
    {
        _parameters = parameters;
        _conditions = conditions;
        _byName = parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        _size = new(() => SpaceSize.Of(_parameters));
    }

    /// <summary>
    /// The parameters in the order in which they were added; a condition's parameter comes before those it governs.
    /// </summary>
    public IReadOnlyList<SearchParameter> Parameters => _parameters;

    /// <summary>
    /// How many different points there are; null when a parameter is continuous, <see cref="long.MaxValue"/>
    /// for that many and more.
    /// </summary>
    public long? Size => _size.Value;

    /// <summary>Adds a floating-point parameter.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="low">The lowest value.</param>
    /// <param name="high">The highest value; included.</param>
    /// <param name="step">The distance between values, counted from <paramref name="low"/>; null for a continuous one.</param>
    /// <exception cref="ArgumentException">The range is empty or not finite, the step does not fit, or the name
    /// is taken.</exception>
    public SearchSpace Float(string name, double low, double high, double? step = null) =>
        Add(new FloatParameter(name, low, high, isLog: false, step, _conditions));

    /// <summary>Adds a floating-point parameter for which ratios matter, e.g. a learning rate.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="low">The lowest value, above 0.</param>
    /// <param name="high">The highest value; included.</param>
    /// <exception cref="ArgumentException">The range is empty, not finite or not positive, or the name is taken.</exception>
    public SearchSpace LogFloat(string name, double low, double high) =>
        Add(new FloatParameter(name, low, high, isLog: true, step: null, _conditions));

    /// <summary>Adds an integer parameter.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="low">The lowest value.</param>
    /// <param name="high">The highest value; included.</param>
    /// <param name="step">The distance between values, counted from <paramref name="low"/>.</param>
    /// <exception cref="ArgumentException">The range is empty, the step does not fit, or the name is taken.</exception>
    public SearchSpace Int(string name, long low, long high, long step = 1) =>
        Add(new IntegerParameter(name, low, high, isLog: false, step, _conditions));

    /// <summary>Adds an integer parameter for which ratios matter, e.g. a batch size.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="low">The lowest value, above 0.</param>
    /// <param name="high">The highest value; included.</param>
    /// <exception cref="ArgumentException">The range is empty or not positive, or the name is taken.</exception>
    public SearchSpace LogInt(string name, long low, long high) =>
        Add(new IntegerParameter(name, low, high, isLog: true, step: 1, _conditions));

    /// <summary>Adds a choice between unordered values, e.g. texts.</summary>
    /// <exception cref="ArgumentException">There are no choices, one occurs twice, or the name is taken.</exception>
    public SearchSpace Categorical(string name, params ReadOnlySpan<ParameterValue> choices) =>
        Add(new CategoricalParameter(name, choices.ToArray(), _conditions));

    /// <summary>Adds a boolean parameter.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public SearchSpace Bool(string name) => Add(new CategoricalParameter(name, [false, true], _conditions));

    /// <summary>Adds parameters that apply only while another one has a certain value. May be nested.</summary>
    /// <param name="parameter">The name of the other parameter: an integer, a categorical or a boolean that was
    /// added before.</param>
    /// <param name="value">The value that switches them on.</param>
    /// <param name="add">Adds the parameters to the space that it is given, and returns it.</param>
    /// <exception cref="ArgumentException">The parameter is unknown or continuous, or cannot have the value.</exception>
    public SearchSpace When(string parameter, ParameterValue value, Func<SearchSpace, SearchSpace> add) =>
        When(parameter, [value], add);

    /// <summary>Adds parameters that apply only while another one has one of certain values. May be nested.</summary>
    /// <param name="parameter">The name of the other parameter: an integer, a categorical or a boolean that was
    /// added before.</param>
    /// <param name="values">The values that switch them on.</param>
    /// <param name="add">Adds the parameters to the space that it is given, and returns it.</param>
    /// <exception cref="ArgumentException">The parameter is unknown or continuous, or cannot have one of the values.</exception>
    public SearchSpace When(string parameter, IReadOnlyList<ParameterValue> values, Func<SearchSpace, SearchSpace> add)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(parameter);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(add);
        if (!_byName.TryGetValue(parameter, out var parent))
        {
            throw new ArgumentException(
                $"The condition names '{parameter}', which the space does not have; add it first. There are: {Names()}.",
                nameof(parameter));
        }
        if (parent.Count is null)
            throw new ArgumentException($"A condition cannot name '{parameter}', which is continuous and has no single values.",
                nameof(parameter));
        if (values.Count == 0) throw new ArgumentException($"The condition on '{parameter}' names no value.", nameof(values));
        foreach (var value in values)
        {
            if (parent.Violation(value) is { } violation)
                throw new ArgumentException($"The condition can never hold: {violation}.", nameof(values));
        }

        var inner = new SearchSpace(_parameters,
            [.. _conditions, new(parameter, [.. values.Select(parent.Normalize).Distinct()])]);
        var added = add(inner);
        if (added is null || added._conditions != inner._conditions || !added._parameters.AsSpan().StartsWith(_parameters))
        {
            throw new ArgumentException(
                $"The function for '{parameter}' must add parameters to the space that it is given, and return it.", nameof(add));
        }
        return new(added._parameters, _conditions);
    }

    /// <summary>The parameter of this name; null when the space does not have it.</summary>
    public SearchParameter? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The parameters that apply to a candidate with these values, in order.</summary>
    public IEnumerable<SearchParameter> Active(ParameterSet values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var known = new Dictionary<string, ParameterValue>(StringComparer.Ordinal);
        foreach (var parameter in _parameters)
        {
            if (!parameter.IsActive(known)) continue;
            if (values.TryGetValue(parameter.Name, out var value)) known[parameter.Name] = parameter.Normalize(value);
            yield return parameter;
        }
    }

    /// <summary>Draws a point: every parameter that applies, uniformly over its range.</summary>
    public ParameterSet Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var values = new Dictionary<string, ParameterValue>(StringComparer.Ordinal);
        foreach (var parameter in _parameters)
        {
            if (parameter.IsActive(values)) values.Add(parameter.Name, parameter.Sample(random));
        }
        return new(values);
    }

    /// <summary>Null when the values lie in the space, otherwise a sentence that names the first fault and its fix.</summary>
    /// <remarks>
    /// Every parameter that applies must be there, and none that does not. Names that the space does not know are fine.
    /// </remarks>
    public string? Validate(ParameterSet values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var active = new HashSet<SearchParameter>();
        foreach (var parameter in Active(values))
        {
            if (!values.TryGetValue(parameter.Name, out var value))
                return $"The parameter {parameter.Name} is missing: give it a value in {parameter.Range}.";
            if (parameter.Violation(value) is { } violation) return $"The parameter {violation}.";
            active.Add(parameter);
        }
        foreach (var parameter in _parameters)
        {
            if (active.Contains(parameter) || !values.TryGetValue(parameter.Name, out var value)) continue;
            return $"The parameter {parameter.Name} = {value} applies only when "
                + $"{string.Join(" and ", parameter.Conditions)}: remove it.";
        }
        return null;
    }

    /// <summary>True when the values lie in the space; see <see cref="Validate"/>.</summary>
    public bool Contains(ParameterSet values) => Validate(values) is null;

    /// <summary>The values in the form that the space itself produces: an integer given for a float becomes a float.</summary>
    public ParameterSet Normalize(ParameterSet values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return new(
            values.Select(p => _byName.TryGetValue(p.Key, out var parameter) ? new(p.Key, parameter.Normalize(p.Value)) : p));
    }

    /// <summary>All points of a finite space, one after the other, without holding them in memory.</summary>
    /// <exception cref="InvalidOperationException">A parameter is continuous.</exception>
    public IEnumerable<ParameterSet> Enumerate()
    {
        if (Size is null)
        {
            throw new InvalidOperationException("The space has continuous parameters "
                + $"({string.Join(", ", _parameters.Where(p => p.Count is null).Select(p => p.Name))}), "
                + "so its points cannot be listed.");
        }
        return From(0, []);

        IEnumerable<ParameterSet> From(int index, Dictionary<string, ParameterValue> values)
        {
            while (index < _parameters.Length && !_parameters[index].IsActive(values)) index++;
            if (index == _parameters.Length)
            {
                yield return new(values);
                yield break;
            }
            var parameter = _parameters[index];
            foreach (var value in parameter.Values)
            {
                values[parameter.Name] = value;
                foreach (var point in From(index + 1, values)) yield return point;
            }
            values.Remove(parameter.Name);
        }
    }

    /// <summary>One line per parameter: name, range and conditions.</summary>
    public override string ToString() => string.Join('\n', (object[])_parameters);

    private SearchSpace Add(SearchParameter parameter) => _byName.ContainsKey(parameter.Name)
        ? throw new ArgumentException($"The space has a parameter '{parameter.Name}' already; names must be unique.",
            nameof(parameter))
        : new([.. _parameters, parameter], _conditions);

    private string Names() => _parameters.Length == 0 ? "none" : string.Join(", ", _parameters.Select(p => p.Name));
}
