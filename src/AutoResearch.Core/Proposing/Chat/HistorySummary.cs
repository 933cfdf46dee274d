using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>
/// What was tried, within a number of tokens: what was kept and near misses in full first, then failures with the ends of their
/// logs, then a line for every other idea, the latest first.
/// </summary>
internal static class HistorySummary
{
    private const int Failures = 3;

    /// <summary>
    /// A quarter of the characters: right within some ten per cent for code and English, on the safe side for most models.
    /// </summary>
    public static int Tokens(string text) => (text.Length + 3) / 4;

    public static bool Failed(Trial trial) => trial.Runs.Count > 0 && trial.Runs[^1].Result.Outcome is not RunOutcome.Completed;

    /// <summary>Rejected trials whose score came close to the incumbent's, the closest first.</summary>
    public static IReadOnlyList<Trial> NearMisses(ResearchState state)
    {
        var objective = state.Problem.Objective;
        if (Mean(state.Incumbent.Runs, objective) is not { } level) return [];
        var near = state.Noise.IsKnown ? 2 * state.Noise.Sigma : Math.Abs(level) * 0.002;
        return [.. state.Trials.Where(t => t.Verdict is Reject or Indecisive)
            .Select(t => (Trial: t, Score: Mean(t.Runs, objective)))
            .Where(t => t.Score is { } score && objective.Gain(level, score) > -near)
            .OrderByDescending(t => objective.Gain(level, t.Score!.Value)).Take(8).Select(t => t.Trial)];
    }

    public static string Write(ResearchState state, int tokens, int logTokens)
    {
        var near = NearMisses(state).Select(t => t.Number).ToHashSet();
        var failed = state.Trials.Where(Failed).TakeLast(Failures).Reverse().ToArray();
        var writer = new Budgeted(tokens);
        writer.Section("Kept, the latest first",
            state.Trials.Reverse().Where(t => t.Verdict is Accept).Select(t => Line(t, state, full: true)));
        writer.Section("Near misses, the closest first", NearMisses(state).Select(t => Line(t, state, full: true)));
        writer.Section("Failed runs, the latest first", failed.Select(t => Line(t, state, full: true) + Log(t, logTokens)));
        writer.Section("All other ideas, the latest first", state.Trials.Reverse()
            .Where(t => t.Verdict is not Accept && !near.Contains(t.Number) && !failed.Contains(t))
            .Select(t => Line(t, state, full: false)));
        return writer.ToString();
    }

    /// <summary>The entries of the lab notebook, the latest last, as far as the tokens reach.</summary>
    public static string Notebook(ResearchState state, int tokens)
    {
        var entries = new List<string>();
        foreach (var trial in state.Trials.Reverse())
        {
            if (trial.Hypothesis.Note is not { Length: > 0 } note) continue;
            var entry = string.Create(CultureInfo.InvariantCulture, $"[{trial.Number}] {note}");
            if ((tokens -= Tokens(entry)) < 0) break;
            entries.Add(entry);
        }

        entries.Reverse();
        return string.Join('\n', entries);
    }

    public static double? Mean(IEnumerable<Run> runs, Objective objective)
    {
        var scores = runs.Select(r => r.Result.Score(objective)).OfType<double>().ToArray();
        return scores.Length == 0 ? null : scores.Average();
    }

    private static string Line(Trial trial, ResearchState state, bool full)
    {
        var (verdict, reason) = ReportText.Verdict(trial);
        var score = Mean(trial.Runs, state.Problem.Objective) is { } s ? FormattableString.Invariant($" {s:G6}") : "";
        var line = new StringBuilder().Append(CultureInfo.InvariantCulture,
            $"#{trial.Number} {verdict}{score}: {OneLine(trial.Hypothesis.Title, 160)}");
        if (full || trial.Runs.Count == 0) line.Append(CultureInfo.InvariantCulture, $" | {OneLine(reason, 240)}");
        if (full && trial.Hypothesis.Rationale.Length > 0)
            line.Append(CultureInfo.InvariantCulture, $"\n   why: {OneLine(trial.Hypothesis.Rationale, 400)}");
        if (full) line.Append(CultureInfo.InvariantCulture, $"\n   change: {OneLine(PatchText.Describe(trial, state), 600)}");
        return line.ToString();
    }

    private static string Log(Trial trial, int tokens) => trial.Runs[^1].Result.LogTail is { Length: > 0 } log && tokens > 0
        ? "\n" + DataBlock.Of("log", DataBlock.Tail(log, tokens * 4))
        : "";

    private static string OneLine(string text, int length)
    {
        var line = text.ReplaceLineEndings(" ").Trim();
        return line.Length <= length ? line : line[..length] + "…";
    }

    private sealed class Budgeted(int tokens)
    {
        private readonly StringBuilder _text = new();
        private int _left = tokens;

        public void Section(string title, IEnumerable<string> entries)
        {
            var (open, left) = (false, 0);
            foreach (var entry in entries)
            {
                var cost = Tokens(entry) + 1 + (open ? 0 : Tokens(title) + 2);
                if (left > 0 || cost > _left)
                {
                    left++;
                    continue;
                }

                if (!open) _text.Append(CultureInfo.InvariantCulture, $"## {title}\n");
                open = true;
                _text.Append(entry).Append('\n');
                _left -= cost;
            }

            if (left > 0 && open) _text.Append(CultureInfo.InvariantCulture, $"({left} more)\n");
        }

        public override string ToString() => _text.ToString();
    }
}
