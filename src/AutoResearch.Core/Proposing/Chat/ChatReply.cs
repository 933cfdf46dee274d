using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>A model's answer as it stands in its JSON.</summary>
internal sealed record ChatReply
{
    public string? Title { get; init; }

    public string? Rationale { get; init; }

    public double? ExpectedGain { get; init; }

    public string? Note { get; init; }

    public IReadOnlyList<ChatReplyParameter>? Parameters { get; init; }

    public IReadOnlyList<ChatReplyEdit>? Edits { get; init; }

    /// <summary>
    /// The schema that the model is given. Every property is required and nothing else allowed, which strict providers ask for.
    /// </summary>
    public static JsonElement Schema { get; } = JsonElement.Parse("""
        {
          "type": "object",
          "properties": {
            "title": { "type": "string", "description": "The idea in one line of at most 100 characters." },
            "rationale": { "type": "string", "description": "Why it should help, in two or three sentences." },
            "expected_gain": {
              "type": ["number", "null"],
              "description": "Expected improvement in the metric's unit, positive for better; null if unknown."
            },
            "note": {
              "type": ["string", "null"],
              "description": "Something to remember for later ideas, appended to your notebook; null for nothing."
            },
            "parameters": {
              "type": "array",
              "description": "Parameters to set; empty for none.",
              "items": {
                "type": "object",
                "properties": { "name": { "type": "string" }, "value": { "type": ["number", "string", "boolean"] } },
                "required": ["name", "value"],
                "additionalProperties": false
              }
            },
            "edits": {
              "type": "array",
              "description": "Edits of files, in order; empty for none.",
              "items": {
                "type": "object",
                "properties": {
                  "path": { "type": "string" },
                  "kind": { "type": "string", "enum": ["replace", "write", "delete"] },
                  "search": {
                    "type": ["string", "null"],
                    "description": "For replace: a passage that occurs exactly once in the file, to the letter."
                  },
                  "replace": { "type": ["string", "null"], "description": "For replace: what stands there afterwards." },
                  "content": {
                    "type": ["string", "null"],
                    "description": "For write: the complete content of the new or rewritten file."
                  }
                },
                "required": ["path", "kind", "search", "replace", "content"],
                "additionalProperties": false
              }
            }
          },
          "required": ["title", "rationale", "expected_gain", "note", "parameters", "edits"],
          "additionalProperties": false
        }
        """);

    /// <summary>Reads an answer; models without schema support may wrap the JSON in prose or a code fence.</summary>
    /// <exception cref="ChangeException">It is not such JSON; the message says what is wrong.</exception>
    public static ChatReply Parse(string text)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new ChangeException("the answer is empty");
        var (start, end) = (text.IndexOf('{', StringComparison.Ordinal), text.LastIndexOf('}'));
        if (start < 0 || end < start) throw new ChangeException("the answer holds no JSON object");
        try
        {
            return JsonSerializer.Deserialize(text.AsSpan(start, end - start + 1), ChatReplyJson.Default.ChatReply)
                ?? throw new ChangeException("the answer is null");
        }
        catch (JsonException e)
        {
            throw new ChangeException($"the answer is not JSON of the schema: {e.Message}", e);
        }
    }

    /// <summary>The change that the answer asks for.</summary>
    /// <param name="parent">What it applies to.</param>
    /// <exception cref="ChangeException">It asks for nothing, or for something that does not exist.</exception>
    public Change ToChange(Candidate parent)
    {
        var changes = new List<Change>();
        if (Parameters is { Count: > 0 } parameters)
        {
            try
            {
                changes.Add(new ParameterChange(new ParameterSet(parameters.Select(p => new KeyValuePair<string, ParameterValue>(
                    p.Name ?? throw new ChangeException("a parameter has no name"), p.ValueFor(parent.Parameters))))));
            }
            catch (ArgumentException e)
            {
                throw new ChangeException(e.Message, e);
            }
        }

        if (Edits is { Count: > 0 } edits) changes.Add(new SourceChange([.. edits.Select(e => e.ToEdit(parent.Source))]));
        return changes.Count switch
        {
            0 => throw new ChangeException("it holds neither parameters nor edits; propose a change"),
            1 => changes[0],
            _ => new CombinedChange(changes),
        };
    }
}

internal sealed record ChatReplyParameter
{
    public string? Name { get; init; }

    public JsonElement Value { get; init; }

    /// <summary>The value in the kind that the parameter has already, where it fits: 4 for a float is 4.0.</summary>
    public ParameterValue ValueFor(ParameterSet parent)
    {
        var isFloat = parent.TryGetValue(Name!, out var old) && old.Kind == ParameterKind.Float;
        return Value.ValueKind switch
        {
            JsonValueKind.True or JsonValueKind.False => Value.GetBoolean(),
            JsonValueKind.String => Value.GetString()!,
            JsonValueKind.Number when !isFloat && Value.TryGetInt64(out var integer) => ParameterValue.Of(integer),
            JsonValueKind.Number when double.IsFinite(Value.GetDouble()) => ParameterValue.Of(Value.GetDouble()),
            _ => throw new ChangeException(
                $"the parameter '{Name}' has the value {Value}; it must be a finite number, a text or a boolean"),
        };
    }
}

internal sealed record ChatReplyEdit
{
    public string? Path { get; init; }

    public string? Kind { get; init; }

    public string? Search { get; init; }

    public string? Replace { get; init; }

    public string? Content { get; init; }

    public FileEdit ToEdit(SourceTree? source)
    {
        var path = Path ?? throw new ChangeException("an edit has no path");
        var windows = source?.GetValueOrDefault(path)?.Contains("\r\n", StringComparison.Ordinal) == true;
        return Kind switch
        {
            "replace" =>
                new ReplaceText(path, Ends(Search ?? throw Missing("search")), Ends(Replace ?? throw Missing("replace"))),
            "write" => new WriteFile(path, Content ?? throw Missing("content")),
            "delete" => new DeleteFile(path),
            _ => throw new ChangeException($"the edit of '{path}' has the kind '{Kind}'; there are replace, write and delete"),
        };

        // Models write LF; the file's own line ends are kept.
        string Ends(string text) => windows ? text.ReplaceLineEndings("\r\n") : text;
        ChangeException Missing(string what) => new($"the {Kind} edit of '{path}' has no {what}");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, PropertyNameCaseInsensitive = true,
    AllowTrailingCommas = true, ReadCommentHandling = JsonCommentHandling.Skip)]
[JsonSerializable(typeof(ChatReply))]
internal sealed partial class ChatReplyJson : JsonSerializerContext;
