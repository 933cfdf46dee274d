using System.Globalization;

namespace AutoResearch;

/// <summary>The check that every runner makes on a result before it hands it over.</summary>
public static class RunResultValidation
{
    /// <summary>
    /// Returns the result unchanged when it failed already or reports <paramref name="metric"/> as a finite number; otherwise
    /// the same result as <see cref="RunOutcome.Invalid"/> where the metric is missing, and <see cref="RunOutcome.Diverged"/>
    /// where it is NaN or infinite, with a message that names the metric and what there was.
    /// </summary>
    /// <param name="result">What the run brought.</param>
    /// <param name="metric">The metric that a completed run must report.</param>
    public static RunResult RequireMetric(this RunResult result, string metric)
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        if (result.Outcome != RunOutcome.Completed) return result;
        if (!result.Metrics.TryGetValue(metric, out var value))
        {
            var found = result.Metrics.Count == 0 ? "none" : string.Join(", ", result.Metrics.Keys.Order(StringComparer.Ordinal));
            return Failed(RunOutcome.Invalid,
                $"The run ended without the metric '{metric}'; metrics found: {found}. "
                + $"Report '{metric}' or change the required metric.");
        }
        return double.IsFinite(value)
            ? result
            : Failed(RunOutcome.Diverged,
                string.Create(CultureInfo.InvariantCulture, $"The metric '{metric}' is {value}; it must be a finite number."));

        RunResult Failed(RunOutcome outcome, string message) => result with { Outcome = outcome, Message = message };
    }
}
