using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// An immutable set of named parameter values, ordered by name (ordinal), so that equal sets are written alike and hash
/// alike. Thread-safe.
/// </summary>
[JsonConverter(typeof(ParameterSetConverter))]
public sealed class ParameterSet : IReadOnlyDictionary<string, ParameterValue>, IEquatable<ParameterSet>
{
    private readonly SortedList<string, ParameterValue> _values;

    /// <summary>Creates a set from names and values.</summary>
    /// <exception cref="ArgumentException">A name is empty or occurs twice.</exception>
    public ParameterSet(IEnumerable<KeyValuePair<string, ParameterValue>> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        _values = new(StringComparer.Ordinal);
        foreach (var (name, value) in values)
        {
            if (string.IsNullOrWhiteSpace(name))
                throw new ArgumentException("A parameter name must not be empty.", nameof(values));
            if (!_values.TryAdd(name, value))
                throw new ArgumentException($"The parameter '{name}' occurs twice.", nameof(values));
        }
    }

    /// <summary>Creates a set from names and values: <c>ParameterSet.Of(("depth", 4), ("lr", 0.02))</c>.</summary>
    /// <exception cref="ArgumentException">A name is empty or occurs twice.</exception>
    public static ParameterSet Of(params ReadOnlySpan<(string Name, ParameterValue Value)> values)
    {
        var pairs = new KeyValuePair<string, ParameterValue>[values.Length];
        for (var i = 0; i < pairs.Length; i++) pairs[i] = new(values[i].Name, values[i].Value);
        return new(pairs);
    }

    /// <summary>The set without parameters.</summary>
    public static ParameterSet Empty { get; } = new([]);

    /// <inheritdoc/>
    public int Count => _values.Count;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => _values.Keys;

    /// <inheritdoc/>
    public IEnumerable<ParameterValue> Values => _values.Values;

    /// <summary>The value of a parameter.</summary>
    /// <exception cref="KeyNotFoundException">There is no such parameter; the message lists those there are.</exception>
    public ParameterValue this[string key] => _values.TryGetValue(key, out var value)
        ? value
        : throw new KeyNotFoundException(
            $"There is no parameter '{key}'; there are: {(Count == 0 ? "none" : string.Join(", ", Keys))}.");

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _values.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out ParameterValue value) => _values.TryGetValue(key, out value);

    /// <summary>This set with the values of <paramref name="changes"/> put in or replaced.</summary>
    public ParameterSet With(ParameterSet changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        return new(this.Where(p => !changes.ContainsKey(p.Key)).Concat(changes));
    }

    /// <summary>This set without the named parameters.</summary>
    public ParameterSet Without(IReadOnlySet<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return new(this.Where(p => !names.Contains(p.Key)));
    }

    /// <inheritdoc/>
    public bool Equals(ParameterSet? other) => other is not null && _values.SequenceEqual(other._values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ParameterSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var (name, value) in _values) { hash.Add(name, StringComparer.Ordinal); hash.Add(value); }
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, ParameterValue>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The set as <c>depth=4 lr=0.02</c>.</summary>
    public override string ToString() => string.Join(' ', this.Select(p => $"{p.Key}={p.Value}"));

    internal sealed class ParameterSetConverter : JsonConverter<ParameterSet>
    {
        private static readonly ParameterValueConverter s_value = new();

        public override ParameterSet Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("A parameter set must be a JSON object.");
            var values = new List<KeyValuePair<string, ParameterValue>>();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                reader.Read();
                values.Add(new(name, s_value.Read(ref reader, typeof(ParameterValue), options)));
            }
            return new(values);
        }

        public override void Write(Utf8JsonWriter writer, ParameterSet value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            foreach (var (name, item) in value)
            {
                writer.WritePropertyName(name);
                s_value.Write(writer, item, options);
            }
            writer.WriteEndObject();
        }
    }
}
