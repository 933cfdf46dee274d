using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace AutoResearch.Benchmarks;

/// <summary>One comparison with a peer in the same run.</summary>
/// <param name="Case">What was measured.</param>
/// <param name="Value">Ours.</param>
/// <param name="Unit">The unit of both values.</param>
/// <param name="Peer">Who it is compared with, version included.</param>
/// <param name="PeerValue">Theirs.</param>
/// <param name="Ratio">How many times better ours is, or null where a ratio means nothing.</param>
internal sealed record PeerResult(string Case, double Value, string Unit, string Peer, double PeerValue, double? Ratio)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Prints the results as a table and writes them, with machine and date, to benchmarks/results.</summary>
    public static void Publish(string file, IReadOnlyList<PeerResult> results)
    {
        foreach (var r in results)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Case,-28} {r.Value,12:G5} {r.PeerValue,12:G5} {r.Unit,-6} {(r.Ratio is { } ratio ? $"{ratio:F1}x" : "")}"));
        var directory = Path.Combine(Root(), "benchmarks", "results");
        Directory.CreateDirectory(directory);
        var record = new
        {
            Date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            Machine = $"{DeviceFingerprint.Read()["cpu"]}, {Environment.ProcessorCount} processors",
            Runtime = RuntimeInformation.FrameworkDescription,
            Results = results,
        };
        File.WriteAllText(Path.Combine(directory, file), JsonSerializer.Serialize(record, s_json) + "\n");
    }

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
