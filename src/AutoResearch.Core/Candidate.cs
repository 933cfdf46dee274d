using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// An exact runnable thing: parameters and/or the editable source files. Two candidates with equal content
/// are the same candidate.
/// </summary>
public sealed record Candidate
{
    private string? _id;

    /// <summary>The parameters; empty by default.</summary>
    public ParameterSet Parameters
    {
        get;
        init { field = value; _id = null; } // a copy made by "with" must not keep the hash of its original
    } = ParameterSet.Empty;

    /// <summary>The editable source files; null when only parameters vary.</summary>
    public SourceTree? Source
    {
        get;
        init { field = value; _id = null; }
    }

    /// <summary>The content hash: the first 16 hexadecimal digits of SHA-256 over parameters and source.</summary>
    [JsonIgnore]
    public string Id => _id ??= ComputeId();

    /// <summary>A candidate of parameters only: <c>Candidate.Of(("depth", 4), ("lr", 0.02))</c>.</summary>
    public static Candidate Of(params ReadOnlySpan<(string Name, ParameterValue Value)> parameters) =>
        new() { Parameters = ParameterSet.Of(parameters) };

    /// <summary>This candidate with a change applied.</summary>
    /// <exception cref="ChangeException">The change does not apply; the message says which part and why.</exception>
    public Candidate Apply(Change change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return change.ApplyTo(this);
    }

    /// <summary>Equal content, equal candidate.</summary>
    public bool Equals(Candidate? other) => other is not null && Id == other.Id;

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(Id);

    private string ComputeId()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, value) in Parameters) Add('p', name, $"{value.Kind}:{value}");
        foreach (var (path, content) in Source ?? Enumerable.Empty<KeyValuePair<string, string>>()) Add('f', path, content);
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];

        // Lengths in front keep different contents from running into the same bytes.
        void Add(char kind, string key, string value) => hash.AppendData(Encoding.UTF8.GetBytes(
            FormattableString.Invariant($"{kind}{key.Length}:{value.Length}:{key}{value}")));
    }
}
