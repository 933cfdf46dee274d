using System.Globalization;

namespace AutoResearch;

/// <summary>
/// A loop may go on only with the problem it began with: its decisions would otherwise rest on runs of another one.
/// </summary>
internal static class ResumeCheck
{
    /// <exception cref="InvalidOperationException">The problems differ; the message names every difference.</exception>
    public static void ThrowIfDifferent(ResearchHistory history, ResearchLoopConfiguration configuration)
    {
        var (then, now) = (history.Problem, configuration.Problem);
        var differences = new List<string>();
        Compare("the objective", then.Objective, now.Objective);
        Compare("the baseline", then.Baseline.Id, now.Baseline.Id);
        Compare("the budget", then.Budget, now.Budget);
        Compare("the guards", string.Join(", ", then.Guards), string.Join(", ", now.Guards));
        if (configuration.Options.Seed is { } seed) Compare("the seed", history.Seed, seed);
        if (differences.Count == 0) return;
        throw new InvalidOperationException($"{configuration.JournalName} was recorded for another problem: "
            + $"{string.Join("; ", differences)}. Resume with the recorded problem, or record to a new directory.");

        void Compare<T>(string what, T recorded, T given)
        {
            if (!EqualityComparer<T>.Default.Equals(recorded, given))
                differences.Add(string.Create(CultureInfo.InvariantCulture, $"{what} was {recorded} and is now {given}"));
        }
    }
}
