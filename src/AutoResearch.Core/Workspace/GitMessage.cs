using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>The message of a kept hypothesis' commit: what, why, on which numbers, and where it stands in the journal.</summary>
internal static class GitMessage
{
    public static string Of(Trial trial, int version, ResearchProblem problem)
    {
        var hypothesis = trial.Hypothesis;
        var text = new StringBuilder().Append(Line(hypothesis.Title)).Append("\n\n");
        if (hypothesis.Rationale.Length > 0) text.Append(Text(hypothesis.Rationale)).Append("\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{problem.Objective.Metric}: {ReportText.Scores(trial, problem.Objective)}\n");
        text.Append(CultureInfo.InvariantCulture, $"Kept because: {Line(trial.Verdict?.Reason ?? "")}\n");
        foreach (var (name, value) in trial.Verdict?.Statistics.OrderBy(s => s.Key, StringComparer.Ordinal)
            ?? Enumerable.Empty<KeyValuePair<string, double>>())
            text.Append(CultureInfo.InvariantCulture, $"{name}: {value:G6}\n");
        if (trial.Candidate!.Parameters.Count > 0)
            text.Append(CultureInfo.InvariantCulture, $"parameters: {Line(trial.Candidate.Parameters.ToString())}\n");
        text.Append(CultureInfo.InvariantCulture,
            $"\nAutoResearch-Trial: {trial.Number}\nAutoResearch-Version: {version}\n"
            + $"AutoResearch-Candidate: {trial.Candidate.Id}\n");
        text.Append(CultureInfo.InvariantCulture,
            $"AutoResearch-Experiments: {string.Join(' ', trial.Runs.Select(r => r.Experiment.Id))}\n");
        if (hypothesis.Proposer.Length > 0)
            text.Append(CultureInfo.InvariantCulture, $"AutoResearch-Proposer: {Line(hypothesis.Proposer)}\n");
        if (hypothesis.Provenance is { } seen)
            text.Append(CultureInfo.InvariantCulture, $"AutoResearch-Prompt: {Line(seen.PromptHash)}\n");
        if (trial.ApprovalOf(ApprovalStage.Keep) is { } approval)
            text.Append(CultureInfo.InvariantCulture, $"AutoResearch-Approved-By: {Line(approval.By)}\n");
        text.Append(CultureInfo.InvariantCulture, $"AutoResearch-Undo: RevertAsync({version - 1})\n");
        return text.ToString();
    }

    public static string OfReversion(Incumbent kept, Reversion reversion) => string.Create(CultureInfo.InvariantCulture,
        $"Revert to version {reversion.To}\n"
        + $"\n{(reversion.Reason.Length > 0 ? Text(reversion.Reason) + "\n\n" : "")}AutoResearch-Trial: {kept.Trial}\n"
        + $"AutoResearch-Version: {kept.Version}\nAutoResearch-Candidate: {kept.Candidate.Id}\n"
        + $"AutoResearch-Reverts-To: {reversion.To}\nAutoResearch-By: {Line(reversion.By)}\n");

    // Nothing that a model wrote may look like one of the trailers.
    private static string Text(string text) => text.ReplaceLineEndings("\n").Replace("\0", "", StringComparison.Ordinal)
        .Replace("AutoResearch-", "AutoResearch\u2011", StringComparison.OrdinalIgnoreCase).Trim();

    private static string Line(string text) => Text(text).Replace('\n', ' ');
}
