using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>Writes a history as Markdown.</summary>
internal static class MarkdownReport
{
    public static string Write(ResearchHistory history)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"# {E(history.IsEmpty ? "Empty history" : history.Problem.Name)}\n\n**{E(ReportText.Headline(history))}**\n\n");
        if (history.IsEmpty) return text.ToString();
        var objective = history.Problem.Objective;
        text.Append("![Progress](progress.svg)\n\n## Hypotheses\n\n");
        text.Append(CultureInfo.InvariantCulture,
            $"| # | Idea | {E(objective.Metric)} | Verdict | Reason | Time | Cost |\n|--:|---|---|---|---|--:|--:|\n");
        text.Append(CultureInfo.InvariantCulture,
            $"| 0 | baseline | "
            + $"{string.Join(", ", history.BaselineRuns.Select(r => ReportText.Number(r.Result.Score(objective))))} | | | | |\n");
        foreach (var trial in history.Trials)
        {
            var (verdict, reason) = ReportText.Verdict(trial);
            text.Append(CultureInfo.InvariantCulture,
                $"| {trial.Number} | {E(trial.Hypothesis.Title)} | {ReportText.Scores(trial, objective)} | {verdict} | "
                + $"{E(reason)} | {ReportText.Duration(ReportText.Time(trial))} | {ReportText.Money(trial):0.####} |\n");
        }
        if (history.Claims is { } claims)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\n## What the kept changes contribute\n\n{E(ReportText.ClaimsNote(claims))}\n"
                + $"\n| # | Kept change | Claim | Gain | Evidence |\n|--:|---|---|--:|--:|\n");
            foreach (var (trial, idea, status, gain, evidence) in ReportText.Claims(history))
                text.Append(CultureInfo.InvariantCulture, $"| {trial} | {E(idea)} | {E(status)} | {gain} | {E(evidence)} |\n");
        }
        text.Append("\n## Baseline and final\n\n| Parameter | Baseline | Final |\n|---|---|---|\n");
        foreach (var (name, before, after) in ReportText.Differences(history))
            text.Append(CultureInfo.InvariantCulture,
                $"| {E(name)} | {E(before)} | {(before == after ? E(after) : $"**{E(after)}**")} |\n");
        text.Append("\n## How it was measured\n\n");
        foreach (var (name, value) in ReportText.Facts(history))
            text.Append(CultureInfo.InvariantCulture, $"- {E(name)}: {E(value)}\n");
        return text.ToString();
    }

    // Pipes and line ends would break a table, brackets and backticks would format or link; HTML is inert in most
    // renderers, not in all.
    private static string E(string text)
    {
        var escaped = new StringBuilder(ReportText.Escape(text).Replace("\r\n", " ", StringComparison.Ordinal));
        escaped.Replace('\n', ' ').Replace('\r', ' ').Replace("\\", "\\\\").Replace("|", "\\|").Replace("[", "\\[")
            .Replace("]", "\\]").Replace("`", "\\`").Replace("*", "\\*");
        return escaped.ToString();
    }
}
