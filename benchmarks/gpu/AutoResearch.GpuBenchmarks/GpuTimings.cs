using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AutoResearch.Kernels;
using AutoResearch.Pretraining;

namespace AutoResearch.GpuBenchmarks;

/// <summary>Times every piece of work with events, in turn with the peer, and writes a table.</summary>
internal static class GpuTimings
{
    private const double LeastSeconds = 0.25;

    /// <summary>Measures; 0 when every case could be.</summary>
    internal static int Run(CudaBackend cuda, int rounds, string peerCommand, string file)
    {
        using var peer = peerCommand.Length == 0 ? null : new GpuPeer(peerCommand);
        var results = new List<GpuResult>();
        var (copy, product) = (0.0, 0.0);
        foreach (var work in GpuWork.All)
        {
            try
            {
                var (value, answers) = Measure(cuda, work, rounds, peer);
                if (work.Name.StartsWith("copy", StringComparison.Ordinal)) copy = value;
                if (work.Name.StartsWith("matrix", StringComparison.Ordinal)) product = value;
                var best = answers.Count == 0 ? null : answers.MaxBy(a => a.Value);
                var result = new GpuResult(work.Name, value, work.Unit, best?.Name ?? peer?.Missing ?? "none asked", best?.Value,
                    best is null ? null : value / best.Value)
                {
                    Others = answers.Count > 1 ? answers.ToDictionary(a => a.Name, a => a.Value, StringComparer.Ordinal) : null,
                    ShareOfCopy = work.Unit == "GB/s" && copy > 0 ? value / copy : null,
                    ShareOfProduct = work.Unit == "TFLOP/s" && product > 0 ? value / product : null,
                    Goal = work.Goal.Value > 0 ? work.Goal.Value : null,
                    GoalRatio = work.Goal.Ratio > 0 ? work.Goal.Ratio : null,
                };
                results.Add(result);
                Console.WriteLine(result);
                if (work.Unit == "tokens/s") results.AddRange(OfStep(value, product));
            }
            catch (Exception e) when (e is OutOfMemoryException or NotSupportedException or ArgumentException)
            {
                Console.WriteLine($"{work.Name}: not measured, {e.Message}");
            }
        }

        if (file.Length > 0) File.WriteAllText(file, Json(cuda, results));
        return results.Count >= GpuWork.All.Count ? 0 : 1;
    }

    // Step time and utilisation by both ways of counting, of the matrix peak that was measured and of autoresearch's constant.
    private static IEnumerable<GpuResult> OfStep(double tokensPerSecond, double product)
    {
        var size = GptSize.Of(GpuWork.Model);
        yield return new("training step, autoresearch's shape", 524288 / tokensPerSecond * 1e3, "ms", "", null, null)
        {
            Goal = 220,
        };
        yield return new("MFU by autoresearch's formula (989.5 TFLOP/s)", 100 * size.FlopsPerToken * tokensPerSecond / 989.5e12,
            "%", "", null, null);
        if (product <= 0) yield break;
        yield return new("MFU, exact causal attention, of the measured matrix peak",
            100 * size.ExactFlopsPerToken * tokensPerSecond / (product * 1e12), "%", "", null, null);
    }

    private static (double Value, List<GpuPeer.Answer> Answers) Measure(CudaBackend cuda, GpuWork work, int rounds, GpuPeer? peer)
    {
        var (run, memory) = work.Prepare(cuda);
        using (memory)
        {
            run();
            run();
            cuda.Synchronize();
            var count = 1;
            if (work.Unit != "tokens/s")
            {
                var once = Time(cuda, run, 3);
                count = (int)Math.Clamp(LeastSeconds / once, 3, 2000);
            }

            var (mine, theirs) = (new List<double>(), new Dictionary<string, List<double>>(StringComparer.Ordinal));
            for (var round = 0; round < rounds; round++)
            {
                mine.Add(work.Unit == "tokens/s" ? Time(cuda, run, 1) / GpuWork.StepsPerRun : Time(cuda, run, count));
                if (peer is null || work.Peer.Length == 0) continue;
                foreach (var (name, seconds) in peer.Ask(work.Peer))
                {
                    if (!theirs.TryGetValue(name, out var list)) theirs.Add(name, list = []);
                    list.Add(seconds);
                }
            }

            return (work.Value(Median(mine)), [.. theirs.Select(t => new GpuPeer.Answer(t.Key, work.Value(Median(t.Value))))]);
        }
    }

    private static double Time(CudaBackend cuda, Action run, int count)
    {
        using var start = new CudaEvent(cuda.Device);
        using var end = new CudaEvent(cuda.Device);
        start.Record(cuda.Stream);
        for (var i = 0; i < count; i++) run();
        end.Record(cuda.Stream);
        end.Synchronize();
        cuda.Synchronize();
        return end.ElapsedSince(start).TotalSeconds / count;
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1
            ? sorted[sorted.Length / 2]
            : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Json(CudaBackend cuda, List<GpuResult> results) => JsonSerializer.Serialize(
        new GpuReport(
            TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), cuda.Device.Name,
            $"CUDA {cuda.Device.DriverVersion}", $"{cuda.Device.ClockMHz} MHz, memory {cuda.Device.MemoryClockMHz} MHz",
            System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription, results), GpuJson.Default.GpuReport) + "\n";
}

/// <summary>One line of the table; the fields that other result files have, and shares of what the GPU can do at most.</summary>
internal sealed record GpuResult(string Case, double Value, string Unit, string Peer, double? PeerValue, double? Ratio)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? Others { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? ShareOfCopy { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? ShareOfProduct { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Goal { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? GoalRatio { get; init; }

    public override string ToString()
    {
        var share = ShareOfCopy ?? ShareOfProduct;
        return FormattableString.Invariant($"{Case,-78} {Value,10:G5} {Unit,-8}")
            + (share is { } s ? FormattableString.Invariant($" {100 * s,4:F0}% of the peak") : "")
            + (Ratio is { } r ? FormattableString.Invariant($" {r:F2}x {Peer}") : Peer.Length > 0 ? $" [{Peer}]" : "")
            + (Goal is { } g ? FormattableString.Invariant($" (goal {g})") : "");
    }
}

/// <summary>The result file.</summary>
internal sealed record GpuReport(
    string Date, string Machine, string Driver, string Clocks, string Runtime, IReadOnlyList<GpuResult> Results);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(GpuReport))]
internal sealed partial class GpuJson : JsonSerializerContext;
