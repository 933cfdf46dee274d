using System.Globalization;

namespace AutoResearch;

/// <summary>Compares the speed of a run with that of earlier runs of the same candidate on the same machine.</summary>
internal static class RunSpeed
{
    private const int Least = 3; // earlier runs, below which nothing is usual yet

    /// <summary>Why the run is thought to have been slowed down; null when it was not, or nothing can be said.</summary>
    public static string? Disturbance(RunResult result, IEnumerable<Run> earlier, ContentionOptions options)
    {
        if (result.Usage.WallTime < options.LeastTime || Of(result) is not { } speed) return null;
        double[] usual = [.. earlier.Where(r => r.Result.Contention is null && SameDevice(r.Result, result))
            .Select(r => Of(r.Result)).OfType<double>()];
        if (usual.Length < Least) return null;
        var median = RobustStatistics.Median(usual);
        return speed >= options.LeastSpeed * median ? null : string.Create(CultureInfo.InvariantCulture,
            $"it ran at {speed / median:P0} of the speed of {usual.Length} earlier runs of the same candidate");
    }

    private static double? Of(RunResult result) =>
        result.Outcome == RunOutcome.Completed
            && (result.Usage.TrainingTime ?? result.Usage.WallTime) is { TotalSeconds: > 0 } time
            && ((double?)result.Usage.Steps ?? result.Usage.Tokens) is > 0 and { } work
            ? work / time.TotalSeconds
            : null;

    private static bool SameDevice(RunResult a, RunResult b) =>
        ((string[])["cpu", "gpu", "backend", "cores"]).All(k => a.Device?.GetValueOrDefault(k) == b.Device?.GetValueOrDefault(k));
}
