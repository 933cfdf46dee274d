using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch.Pretraining;

/// <summary>The tokenizer file: JSON with the merges in the order learnt, described in docs/data.md.</summary>
internal sealed record TokenizerFile
{
    public const string FormatName = "autoresearch-bpe";
    public const int CurrentVersion = 1;

    public required string Format { get; init; }

    public required int Version { get; init; }

    /// <summary>Number of the split rules, see <see cref="WordScanner"/>.</summary>
    public required int Pattern { get; init; }

    /// <summary>Left and right token of each merge, flat.</summary>
    public required int[] Merges { get; init; }

    /// <summary>SHA-256 of pattern and merges as 32-bit little-endian numbers, lower-case hex.</summary>
    public required string Sha256 { get; init; }

    public static TokenizerFile Create(int[] merges) => new()
    {
        Format = FormatName,
        Version = CurrentVersion,
        Pattern = WordScanner.PatternVersion,
        Merges = merges,
        Sha256 = Hash(WordScanner.PatternVersion, merges),
    };

    public static byte[] Serialize(int[] merges) =>
        JsonSerializer.SerializeToUtf8Bytes(Create(merges), TokenizerFileContext.Default.TokenizerFile);

    /// <summary>The merges of a file.</summary>
    /// <exception cref="InvalidDataException">Not such a file, of a newer version, or damaged.</exception>
    public static int[] Deserialize(ReadOnlySpan<byte> json, string name)
    {
        TokenizerFile? file;
        try
        {
            file = JsonSerializer.Deserialize(json, TokenizerFileContext.Default.TokenizerFile);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{name}' is not a tokenizer file: {e.Message}", e);
        }

        if (file is not { Format: FormatName, Merges: not null })
            throw new InvalidDataException($"'{name}' is not a tokenizer file: its format is not '{FormatName}'.");
        if (file.Version != CurrentVersion || file.Pattern != WordScanner.PatternVersion)
        {
            throw new InvalidDataException(
                $"'{name}' has version {file.Version} and split pattern {file.Pattern}; this library reads version "
                + $"{CurrentVersion} and pattern {WordScanner.PatternVersion}. Train the tokenizer again, or update.");
        }

        if (!string.Equals(file.Sha256, Hash(file.Pattern, file.Merges), StringComparison.Ordinal))
            throw new InvalidDataException(
                $"'{name}' is damaged: its hash does not match its merges. Delete it and train again.");
        return file.Merges;
    }

    public static string Hash(int pattern, int[] merges)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Integers.ToBytes([pattern]));
        hash.AppendData(Integers.ToBytes(merges));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(TokenizerFile))]
internal sealed partial class TokenizerFileContext : JsonSerializerContext;
