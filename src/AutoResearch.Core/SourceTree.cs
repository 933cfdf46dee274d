using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// The editable text files of a candidate: relative path (forward slashes) to content, immutable and ordered by path.
/// Everything that is not in it belongs to the runner and is the same for all candidates. Thread-safe.
/// </summary>
[JsonConverter(typeof(SourceTreeConverter))]
public sealed class SourceTree : IReadOnlyDictionary<string, string>
{
    private readonly SortedList<string, string> _files;

    /// <summary>Creates a tree from paths and contents.</summary>
    /// <exception cref="ArgumentException">A path is empty, absolute, leaves the tree through "..", or occurs twice.</exception>
    public SourceTree(IEnumerable<KeyValuePair<string, string>> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        _files = new(StringComparer.Ordinal);
        foreach (var (path, content) in files)
        {
            CheckPath(path);
            ArgumentNullException.ThrowIfNull(content, nameof(files));
            if (!_files.TryAdd(path, content)) throw new ArgumentException($"The file '{path}' occurs twice.", nameof(files));
        }
    }

    /// <inheritdoc/>
    public int Count => _files.Count;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => _files.Keys;

    /// <inheritdoc/>
    public IEnumerable<string> Values => _files.Values;

    /// <summary>The content of a file.</summary>
    /// <exception cref="KeyNotFoundException">There is no such file; the message lists those there are.</exception>
    public string this[string key] => _files.TryGetValue(key, out var text)
        ? text
        : throw new KeyNotFoundException(
            $"There is no file '{key}'; there are: {(Count == 0 ? "none" : string.Join(", ", Keys))}.");

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _files.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out string value) => _files.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _files.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal static void CheckPath(string path)
    {
        if (string.IsNullOrWhiteSpace(path) || path.StartsWith('/') || path.Contains('\\') || path.Contains(':')
            || path.Split('/').Any(part => part is "" or "." or ".."))
            throw new ArgumentException(
                $"'{path}' is not a relative path inside the source tree (forward slashes, no drive, no '.', no '..').",
                nameof(path));
        if (UnsafeText.IsUnsafe(path))
            throw new ArgumentException($"'{ApprovalText.Visible(path)}' is not a path: "
                + "it holds characters that cannot be seen or that turn text around.", nameof(path));
    }

    internal sealed class SourceTreeConverter : JsonConverter<SourceTree>
    {
        public override SourceTree Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("A source tree must be a JSON object.");
            var files = new List<KeyValuePair<string, string>>();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var path = reader.GetString()!;
                reader.Read();
                files.Add(new(path, reader.GetString() ?? throw new JsonException($"The file '{path}' has no content.")));
            }
            return new(files);
        }

        public override void Write(Utf8JsonWriter writer, SourceTree value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            foreach (var (path, content) in value) writer.WriteString(path, content);
            writer.WriteEndObject();
        }
    }
}
