using System.Globalization;

namespace AutoResearch;

/// <summary>What a report says of runs that were stopped, helped or disturbed.</summary>
internal static class WatchFacts
{
    private const int Most = 8;

    public static IEnumerable<(string Name, string Value)> Of(ResearchHistory history)
    {
        var runs = history.Trials.SelectMany(t => t.Runs).ToArray();
        var stopped = runs.Count(r => r.Result.Outcome == RunOutcome.Stopped);
        if (stopped > 0)
            yield return ("Stopped early", string.Create(CultureInfo.InvariantCulture, $"{stopped} runs by monitors; they count "
                + $"as rejected and have no score; budget for {history.ExperimentsReturned:0.#} experiments came back"));
        string[] helped = [.. runs.Where(r => r.Result.IsIntervened).Select(Helped)];
        if (helped.Length > 0)
            yield return ("Helped on their way", string.Join("; ", helped.Take(Most))
                + (helped.Length > Most ? FormattableString.Invariant($"; and {helped.Length - Most} more") : ""));
        var again = history.Setbacks.Count(r => r.Result.Outcome == RunOutcome.Contended);
        var marked = runs.Count(r => r.Result.Contention is not null);
        if (again + marked > 0)
            yield return ("Disturbed by others",
                FormattableString.Invariant($"{again} attempts were made again, {marked} results were taken in spite of it"));
    }

    private static string Helped(Run run) => FormattableString.Invariant($"{run.Experiment.Id} of trial {run.Experiment.Trial}: ")
        + string.Join(", ", run.Result.Interventions!.Select(i =>
        {
            var rates = i.Action.LearningRateFactor < 1
                ? FormattableString.Invariant($" with learning rates × {i.Action.LearningRateFactor:0.###}")
                : "";
            var what = i.Action.Kind switch
            {
                RunActionKind.RollBack => "went back" + rates,
                RunActionKind.LowerLearningRate => "went on" + rates,
                _ => "ended",
            };
            return FormattableString.Invariant($"{what} at step {i.Step} ({i.Signal.Reason})");
        }));
}
