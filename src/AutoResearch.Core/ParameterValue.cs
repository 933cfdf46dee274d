using System.Globalization;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>One value of a parameter: a float, an integer, a text or a boolean, kept exactly and written invariantly.</summary>
[JsonConverter(typeof(ParameterValueConverter))]
public readonly struct ParameterValue : IEquatable<ParameterValue>
{
    private readonly long _bits;
    private readonly string? _text;

    private ParameterValue(ParameterKind kind, long bits, string? text = null) => (Kind, _bits, _text) = (kind, bits, text);

    /// <summary>The type of the value. The default value is the float 0.</summary>
    public ParameterKind Kind { get; }

    /// <summary>The value as a double; integers are converted.</summary>
    /// <exception cref="InvalidOperationException">The value is a text or a boolean.</exception>
    public double AsFloat() => Kind switch
    {
        ParameterKind.Float => BitConverter.Int64BitsToDouble(_bits),
        ParameterKind.Integer => _bits,
        _ => throw Wrong("a number"),
    };

    /// <summary>The value as an integer.</summary>
    /// <exception cref="InvalidOperationException">The value is not an integer.</exception>
    public long AsInteger() => Kind == ParameterKind.Integer ? _bits : throw Wrong("an integer");

    /// <summary>The value as a boolean.</summary>
    /// <exception cref="InvalidOperationException">The value is not a boolean.</exception>
    public bool AsBoolean() => Kind == ParameterKind.Boolean ? _bits != 0 : throw Wrong("a boolean");

    /// <summary>The value as a text.</summary>
    /// <exception cref="InvalidOperationException">The value is not a text.</exception>
    public string AsText() => Kind == ParameterKind.Text ? _text! : throw Wrong("a text");

    /// <summary>A float. NaN and infinities are refused: they cannot be a setting.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="value"/> is not finite.</exception>
    public static ParameterValue Of(double value) => double.IsFinite(value)
        ? new(ParameterKind.Float, BitConverter.DoubleToInt64Bits(value == 0 ? 0 : value))
        : throw new ArgumentOutOfRangeException(nameof(value), value, "A parameter value must be finite.");

    /// <summary>An integer.</summary>
    public static ParameterValue Of(long value) => new(ParameterKind.Integer, value);

    /// <summary>A boolean.</summary>
    public static ParameterValue Of(bool value) => new(ParameterKind.Boolean, value ? 1 : 0);

    /// <summary>A text.</summary>
    public static ParameterValue Of(string value) =>
        new(ParameterKind.Text, 0, value ?? throw new ArgumentNullException(nameof(value)));

#pragma warning disable CA2225, CS1591 // the named alternates are the Of methods
    public static implicit operator ParameterValue(double value) => Of(value);
    public static implicit operator ParameterValue(long value) => Of(value);
    public static implicit operator ParameterValue(int value) => Of((long)value);
    public static implicit operator ParameterValue(bool value) => Of(value);
    public static implicit operator ParameterValue(string value) => Of(value);
    public static bool operator ==(ParameterValue left, ParameterValue right) => left.Equals(right);
    public static bool operator !=(ParameterValue left, ParameterValue right) => !left.Equals(right);
#pragma warning restore CA2225, CS1591

    /// <inheritdoc/>
    public bool Equals(ParameterValue other) => Kind == other.Kind && _bits == other._bits && _text == other._text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ParameterValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, _bits, _text);

    /// <summary>
    /// The value in invariant text: floats round-trip and always carry a point or an exponent, so 3.0 and 3 stay different.
    /// </summary>
    public override string ToString() => Kind switch
    {
        ParameterKind.Integer => _bits.ToString(CultureInfo.InvariantCulture),
        ParameterKind.Boolean => _bits != 0 ? "true" : "false",
        ParameterKind.Text => _text!,
        _ => FormatFloat(BitConverter.Int64BitsToDouble(_bits)),
    };

    private static string FormatFloat(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().IndexOfAny('.', 'E') < 0 ? text + ".0" : text;
    }

    private InvalidOperationException Wrong(string wanted) =>
        new($"The parameter value '{this}' is of kind {Kind}, not {wanted}.");
}
