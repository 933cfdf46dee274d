using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>Writes a <see cref="ParameterValue"/> as a plain JSON value; a float keeps its point, an integer has none.</summary>
internal sealed class ParameterValueConverter : JsonConverter<ParameterValue>
{
    public override ParameterValue Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString()!,
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            JsonTokenType.Number =>
                IsInteger(ref reader) ? ParameterValue.Of(reader.GetInt64()) : ParameterValue.Of(reader.GetDouble()),
            var other => throw new JsonException($"A parameter value cannot be a JSON {other}."),
        };

    public override void Write(Utf8JsonWriter writer, ParameterValue value, JsonSerializerOptions options)
    {
        switch (value.Kind)
        {
            case ParameterKind.Text: writer.WriteStringValue(value.AsText()); break;
            case ParameterKind.Boolean: writer.WriteBooleanValue(value.AsBoolean()); break;
            default: writer.WriteRawValue(value.ToString(), skipInputValidation: true); break;
        }
    }

    private static bool IsInteger(ref Utf8JsonReader reader)
    {
        var bytes = reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan;
        return bytes.IndexOfAny((byte)'.', (byte)'e', (byte)'E') < 0 && reader.TryGetInt64(out _);
    }
}
