using System.Globalization;

namespace AutoResearch.Samples.Quickstart;

/// <summary>The words that both views use.</summary>
internal static class Words
{
    public static string Of(RunPurpose purpose) => purpose switch
    {
        RunPurpose.Baseline => "baseline",
        RunPurpose.Screen => "try",
        RunPurpose.Confirm => "confirm",
        RunPurpose.Control => "control",
        _ => "final",
    };

    public static string Of(Verdict verdict) => verdict switch
    {
        Accept => "keep",
        Reject => "discard",
        Indecisive => "undecided",
        _ => "more runs",
    };

    public static string Score(RunResult result, Objective objective) => result.Score(objective) is { } score
        ? score.ToString("F4", CultureInfo.InvariantCulture)
        : $"{result.Outcome}: {result.Message}";

    public static string Scores(IEnumerable<Run> runs, Objective objective) => string.Join(' ',
        runs.Select(r => r.Result.Score(objective)?.ToString("F4", CultureInfo.InvariantCulture) ?? r.Result.Outcome.ToString()));
}
