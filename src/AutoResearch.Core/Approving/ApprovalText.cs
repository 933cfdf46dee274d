using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>A request in words, for terminals and files. What a proposer wrote is shown without control characters.</summary>
internal static class ApprovalText
{
    private const int MostLines = 400;

    public static string Of(ApprovalRequest request)
    {
        var (trial, hypothesis) = (request.Trial, request.Trial.Hypothesis);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"Trial {trial.Number} of {Visible(request.Problem.Name)}: "
            + $"may it be {(request.Stage == ApprovalStage.Run ? "run" : "kept")}?\n");
        text.Append(CultureInfo.InvariantCulture, $"  idea:     {Visible(hypothesis.Title)}\n");
        if (hypothesis.Rationale.Length > 0)
            text.Append(CultureInfo.InvariantCulture, $"  why:      {Visible(hypothesis.Rationale)}\n");
        if (hypothesis.Proposer.Length > 0)
            text.Append(CultureInfo.InvariantCulture, $"  proposer: {Visible(hypothesis.Proposer)}\n");
        if (hypothesis.Provenance is { } provenance)
            text.Append(CultureInfo.InvariantCulture,
                $"  prompt:   {Visible(provenance.PromptHash)} to {Visible(provenance.Model)}\n");
        text.Append(CultureInfo.InvariantCulture, $"  candidate: {trial.Candidate?.Id}\n");
        if (request.Verdict is { } verdict)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"  {Visible(request.Problem.Objective.Metric)}: {ReportText.Scores(trial, request.Problem.Objective)}\n");
            text.Append(CultureInfo.InvariantCulture, $"  verdict:  {Visible(verdict.Reason)}\n");
        }

        foreach (var change in request.Changes) Append(text, change);
        return text.ToString();
    }

    /// <summary>
    /// The text in one line: line ends as a sign, characters that steer terminals or turn the direction of writing as another.
    /// </summary>
    public static string Visible(string text)
    {
        var visible = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == '\n') visible.Append('⏎');
            else if (rune.Value == '\t') visible.Append(' ');
            else visible.Append(UnsafeText.IsUnsafe(rune) ? "\uFFFD" : rune.ToString());
        }

        return visible.ToString();
    }

    private static void Append(StringBuilder text, ProposedChange change)
    {
        if (change.Kind == ProposedChangeKind.Parameter)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"  {Visible(change.Name)}: {Visible(change.Before ?? "nothing")} -> {Visible(change.After ?? "nothing")}\n");
            return;
        }

        var what = change.Kind switch
        {
            ProposedChangeKind.NewFile => "new file",
            ProposedChangeKind.Delete => "deleted file",
            _ => "edit of",
        };
        text.Append(CultureInfo.InvariantCulture, $"  {what} {Visible(change.Name)}\n");
        var lines = Difference(Lines(change.Before), Lines(change.After)).ToArray();
        foreach (var line in lines.Take(MostLines)) text.Append(CultureInfo.InvariantCulture, $"    {Visible(line)}\n");
        if (lines.Length > MostLines)
            text.Append(CultureInfo.InvariantCulture, $"    … and {lines.Length - MostLines} more lines\n");
    }

    private static string[] Lines(string? text) => text is null or "" ? [] : text.TrimEnd('\n').Split('\n');

    // What both ends share is left out: edits are local, and nothing but the whole passage in between may be missed.
    private static IEnumerable<string> Difference(string[] before, string[] after)
    {
        var head = 0;
        while (head < before.Length && head < after.Length && before[head] == after[head]) head++;
        var tail = 0;
        while (tail < before.Length - head && tail < after.Length - head && before[^(tail + 1)] == after[^(tail + 1)]) tail++;
        if (head > 0) yield return string.Create(CultureInfo.InvariantCulture, $"@@ line {head + 1} @@");
        foreach (var line in before.AsEnumerable().Take(before.Length - tail).Skip(head)) yield return "- " + line;
        foreach (var line in after.AsEnumerable().Take(after.Length - tail).Skip(head)) yield return "+ " + line;
    }
}
