using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>The JSON of events: snake_case names, enums by name, NaN and infinities as named literals, readable text.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ResearchEvent))]
internal sealed partial class JournalJson : JsonSerializerContext
{
    /// <summary>Raw text is escaped only where JSON asks for it; the journal is never pasted into HTML or scripts.</summary>
    public static JsonWriterOptions Writer { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
