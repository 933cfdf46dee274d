using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>The sentences and numbers that both report formats share.</summary>
internal static class ReportText
{
    /// <summary>Text for HTML, SVG and XML; control characters, which XML forbids, become a replacement character.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                escaped.Append(c).Append(text[++i]);
            else escaped.Append(c switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\n' or '\r' or '\t' => c.ToString(),
                < ' ' or '\uFFFE' or '\uFFFF' => "\uFFFD",
                // They turn text around
                (>= '\u007F' and <= '\u009F') or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') => "\uFFFD",
                _ when char.IsSurrogate(c) => "\uFFFD",
                _ => c.ToString(),
            });
        }
        return escaped.ToString();
    }

    public static string Headline(ResearchHistory history)
    {
        if (history.IsEmpty) return "Nothing has been recorded yet.";
        var metric = history.Problem.Objective.Metric;
        var kept = history.Lineage.Count - 1;
        if (history.Gain is not { } gain)
        {
            if (kept > 0 && history.State.Incumbent.Candidate.Id == history.Problem.Baseline.Id)
                return "What was kept did not hold: the final candidate is the baseline, and there is no improvement to report.";
            return kept == 0
                ? "No idea was kept, and nothing was re-measured: there is no improvement to report."
                : $"{kept} {(kept == 1 ? "idea was" : "ideas were")} kept, "
                    + "but final and baseline were not re-measured with fresh seeds: the gain is unknown.";
        }
        var numbers = $"{metric} {Number(gain.Baseline)} → {Number(gain.Final)} with fresh seeds, "
            + $"{gain.RunsPerArm} {(gain.RunsPerArm == 1 ? "run" : "runs")} per arm";
        if (gain.RunsPerArm < 2)
            return $"{numbers}: one run per arm gives no confidence interval, "
                + $"so the gain of {Number(gain.Gain)} is not confirmed.";
        var interval = FormattableString.Invariant(
            $"{gain.Confidence:P0} confidence interval {Number(gain.Low)} to {Number(gain.High)}")
            .Replace(" %", "%", StringComparison.Ordinal);
        if (gain.IsConfirmed) return $"Confirmed gain of {Number(gain.Gain)}: {numbers} ({interval}).";
        return gain.High < 0
            ? $"The final candidate is worse than the baseline: {numbers} (gain {Number(gain.Gain)}, {interval})."
            : $"No confirmed gain: {numbers}; the gain of {Number(gain.Gain)} has a {interval}, which covers zero.";
    }

    public static string Number(double? value) => value is { } v ? v.ToString("0.#####", CultureInfo.InvariantCulture) : "–";

    public static string Duration(TimeSpan time) => time.TotalSeconds < 60
        ? time.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture) + " s"
        : time.TotalHours < 1
            ? FormattableString.Invariant($"{(int)time.TotalMinutes} min {time.Seconds} s")
            : FormattableString.Invariant($"{(int)time.TotalHours} h {time.Minutes} min");

    public static (string Name, string Reason) Verdict(Trial trial) => trial.Verdict switch
    {
        Accept accept when trial.RebasedAs is { } merged => ("merged",
            FormattableString.Invariant($"measured again as trial {merged}, on top of what was kept meanwhile: {accept.Reason}")),
        Accept accept => ("kept", accept.Reason),
        Reject reject when trial.Approvals.Any(a => !a.Approved) => ("refused", reject.Reason),
        Reject reject when trial.Runs.Count == 0 => ("skipped", reject.Reason),
        Reject reject when trial.Runs.All(r => r.Result.Outcome != RunOutcome.Completed) => ("failed", reject.Reason),
        Reject reject => ("discarded", reject.Reason),
        Indecisive indecisive => ("undecided", indecisive.Reason),
        _ => ("pending", "No verdict yet."),
    };

    public static string Scores(Trial trial, Objective objective) => trial.Runs.Count == 0
        ? "–"
        : string.Join(", ", trial.Runs.Select(r => r.Result.Score(objective) is { } s ? Number(s) : r.Result.Outcome.ToString()));

    public static TimeSpan Time(Trial trial) =>
        trial.Runs.Aggregate(trial.Hypothesis.Cost.Time, (sum, r) => sum + r.Result.Usage.WallTime);

    public static decimal Money(Trial trial) => trial.Hypothesis.Cost.Money + trial.Runs.Sum(r => r.Result.Usage.Money ?? 0);

    public static IReadOnlyList<(string Name, string Value)> Facts(ResearchHistory history)
    {
        var runs = history.BaselineRuns.Concat(history.Trials.SelectMany(t => t.Runs)).Concat(history.ClaimRuns)
            .Concat(history.FinalRuns).ToArray();
        var verdicts = history.Trials.GroupBy(t => Verdict(t).Name).Select(g => $"{g.Count()} {g.Key}");
        var facts = new List<(string, string)>
        {
            ("Started", history.StartTime.ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture)),
            ("Time at work", Duration(history.ActiveTime)),
            ("Experiments", history.ExperimentsFinished.ToString(CultureInfo.InvariantCulture)),
            ("Trials", history.Trials.Count == 0 ? "0" : $"{history.Trials.Count}: {string.Join(", ", verdicts)}"),
            ("Cost", history.MoneySpent.ToString("0.####", CultureInfo.InvariantCulture)),
            ("Language models", Models(history)),
            ("Budget of a run", Budget(history.Problem.Budget)),
            ("Loop seed", history.Seed.ToString(CultureInfo.InvariantCulture)),
        };
        facts.AddRange(runs.SelectMany(r => r.Result.Device ?? Enumerable.Empty<KeyValuePair<string, string>>())
            .GroupBy(p => p.Key).Select(g => (g.Key, string.Join(" | ", g.Select(p => p.Value).Distinct().Take(3)))));
        facts.AddRange(runs.SelectMany(r => r.Result.Hashes ?? Enumerable.Empty<KeyValuePair<string, string>>())
            .GroupBy(p => p.Key)
            .Select(g => ("hash of " + g.Key, string.Join(" | ", g.Select(p => p.Value).Distinct().Take(3)))));
        var approvals = history.Trials.SelectMany(t => t.Approvals).GroupBy(a => (a.By, a.Approved))
            .Select(g => $"{g.Count()} {(g.Key.Approved ? "approved" : "refused")} by {g.Key.By}").ToArray();
        if (approvals.Length > 0) facts.Add(("Approvals", string.Join(", ", approvals)));
        facts.AddRange(history.Incumbents.Where(i => i.Reversion is not null).Select(i =>
            ("Reverted", FormattableString.Invariant(
                $"version {i.Version - 1} to version {i.Reversion!.To}, by {i.Reversion.By}: {i.Reversion.Reason}"))));
        facts.AddRange(WatchFacts.Of(history));
        if (history.Stop is { } stop) facts.Add(("Ended", $"{stop.Reason}: {stop.Message}"));
        else facts.Add(("Ended", "not yet, or it was killed"));
        return facts;
    }

    /// <summary>What was found of each kept change, in words.</summary>
    public static IReadOnlyList<(int Trial, string Idea, string Status, string Gain, string Evidence)> Claims(
        ResearchHistory history) =>
        [.. (history.Claims?.Claims ?? []).Select(c => (c.Trial, history.Trials[c.Trial - 1].Hypothesis.Title, Status(c),
            c.Pairs == 0
                ? "–"
                : Number(c.Gain) + (c.Interval(0.95) is var (low, high) ? $" [{Number(low)}, {Number(high)}]" : ""),
            c.Pairs == 0
                ? "–"
                : FormattableString.Invariant($"e = {c.EValue:G3} from {c.Pairs} {(c.Pairs == 1 ? "pair" : "pairs")}")))];

    /// <summary>One sentence about how the claims were tested.</summary>
    public static string ClaimsNote(ClaimSet claims) => string.Create(CultureInfo.InvariantCulture,
        $"{claims.Confirmed.Count()} of {claims.Claims.Count} kept changes are confirmed by fresh runs, with and without the "
        + $"change, seed by seed; of the confirmed, {100 * claims.ErrorRate:0.#} % at most are expected to be false.");

    private static string Status(Claim claim) => claim.Status switch
    {
        ClaimStatus.Confirmed => "confirmed",
        ClaimStatus.Doubtful => "doubtful: no better than without it",
        ClaimStatus.Dropped => "dropped: no worse without it",
        ClaimStatus.Superseded => "overridden by a later change",
        _ => "not decided",
    } + (claim.IsAblation || claim.Status == ClaimStatus.Superseded ? "" : " (against its predecessor)");

    public static IReadOnlyList<(string Name, string Before, string After)> Differences(ResearchHistory history)
    {
        var before = history.Problem.Baseline;
        var after = history.Incumbents[^1].Candidate;
        var names = before.Parameters.Keys.Union(after.Parameters.Keys).Order(StringComparer.Ordinal);
        var parameters = names.Select(n => (n, Value(before, n), Value(after, n)));
        var paths = (before.Source?.Keys ?? []).Union(after.Source?.Keys ?? []).Order(StringComparer.Ordinal);
        var files = paths.Select(p => (p, Lines(before, p), Lines(after, p) + (Same(p) ? "" : ", changed")));
        return [.. parameters, .. files];

        bool Same(string path) => before.Source?.GetValueOrDefault(path) == after.Source?.GetValueOrDefault(path);
        static string Value(Candidate c, string name) => c.Parameters.TryGetValue(name, out var v) ? v.ToString() : "–";
        static string Lines(Candidate c, string path) =>
            c.Source?.GetValueOrDefault(path) is { } text
                ? FormattableString.Invariant($"{text.Count(ch => ch == '\n') + 1} lines")
                : "–";
    }

    /// <summary>What language models have cost, per hypothesis and per confirmed gain.</summary>
    private static string Models(ResearchHistory history)
    {
        var cost = history.ProposalCost;
        if (cost.InputTokens + cost.OutputTokens == 0) return "none";
        var asked = history.Trials.Count(t => t.Hypothesis.Cost.OutputTokens > 0);
        var confirmed = history.Claims is { } claims ? claims.Confirmed.Count() : history.Lineage.Count - 1;
        var kind = history.Claims is null ? "kept change" : "confirmed gain";
        return string.Create(CultureInfo.InvariantCulture, $"{cost.InputTokens} tokens in, {cost.OutputTokens} out, "
            + $"cost {cost.Money:0.####}; per hypothesis {cost.Money / asked:0.####}, ")
            + (confirmed > 0 ? FormattableString.Invariant($"per {kind} {cost.Money / confirmed:0.####}") : $"no {kind}");
    }

    public static string Budget(Budget budget)
    {
        var parts = new List<string>();
        if (budget.Training is { } training) parts.Add($"{Duration(training)} of training");
        if (budget.Wall is { } wall) parts.Add($"{Duration(wall)} in all");
        if (budget.Steps is { } steps) parts.Add($"{steps} steps");
        if (budget.Tokens is { } tokens) parts.Add($"{tokens} tokens");
        if (budget.Flops is { } flops) parts.Add(FormattableString.Invariant($"{flops:G3} FLOPs"));
        if (budget.MemoryBytes is { } bytes) parts.Add(FormattableString.Invariant($"{bytes / 1048576.0:F0} MB"));
        if (budget.Money is { } money) parts.Add(FormattableString.Invariant($"{money} of money"));
        return parts.Count == 0 ? "no limit" : string.Join(", ", parts);
    }
}
