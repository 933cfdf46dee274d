using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AutoResearch.Benchmarks;

/// <summary>One comparison with a peer in the same run.</summary>
/// <param name="Case">What was measured.</param>
/// <param name="Value">Ours.</param>
/// <param name="Unit">The unit of both values.</param>
/// <param name="Peer">Who it is compared with, version included; or why it is missing.</param>
/// <param name="PeerValue">Theirs; null when the peer is missing.</param>
/// <param name="Ratio">How many times better ours is, or null where a ratio means nothing.</param>
internal sealed record PeerResult(string Case, double Value, string Unit, string Peer, double? PeerValue, double? Ratio)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>First quartile of the ratios of the rounds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LowRatio { get; init; }

    /// <summary>Third quartile of the ratios of the rounds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? HighRatio { get; init; }

    /// <summary>Rounds in which both were measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Rounds { get; init; }

    /// <summary>Least ratio wanted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Goal { get; init; }

    /// <summary>One line of a table.</summary>
    public override string ToString()
    {
        var spread = LowRatio is { } low && HighRatio is { } high
            ? FormattableString.Invariant($" ({low:F2} … {high:F2}, {Rounds} rounds)")
            : "";
        var goal = Goal is { } least
            ? FormattableString.Invariant($" goal {least}{(Ratio is { } r ? r >= least ? " met" : " missed" : "")}")
            : "";
        var theirs = PeerValue?.ToString("G5", CultureInfo.InvariantCulture) ?? "-";
        var ratio = Ratio is { } value ? FormattableString.Invariant($" {value:F2}×{spread}") : "";
        return FormattableString.Invariant($"{Case,-82} {Value,9:G5} {theirs,9} {Unit,-8}{ratio}{goal}  [{Peer}]");
    }

    /// <summary>Writes the results, with machine and date, to benchmarks/results.</summary>
    public static void Publish(string file, IReadOnlyList<PeerResult> results)
    {
        var directory = Path.Combine(Root(), "benchmarks", "results");
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, file), ToJson(results, TimeProvider.System.GetUtcNow()) + "\n");
    }

    /// <summary>The results with machine and date.</summary>
    public static string ToJson(IReadOnlyList<PeerResult> results, DateTimeOffset now) => JsonSerializer.Serialize(new
    {
        Date = now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        Machine = $"{DeviceFingerprint.Read()["cpu"]}, {Environment.ProcessorCount} processors",
        Runtime = RuntimeInformation.FrameworkDescription,
        Results = results,
    }, s_json);

    /// <summary>The repository's root.</summary>
    public static string Root()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "AutoResearch.Core.sln"))) return directory.FullName;
        }
        return Environment.CurrentDirectory;
    }
}
