using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>
/// A loop's results in autoresearch's own format, <c>commit, val_bpb, memory_gb, status, description</c>, separated by
/// tabs, so that its notebooks go on working; the second column bears the objective's name.
/// </summary>
public sealed record ResultsTsv
{
    /// <summary>The file name beside the journal.</summary>
    public const string FileName = "results.tsv";

    /// <summary>The objective's metric, the name of the second column.</summary>
    public required string Metric { get; init; }

    /// <summary>The rows in order.</summary>
    public required IReadOnlyList<ResultsRow> Rows { get; init; }

    /// <summary>The results of a history: the baseline, then every trial with a verdict that was run.</summary>
    public static ResultsTsv Of(ResearchHistory history) => Of(history, candidate => candidate.Id);

    /// <summary>
    /// The results of a history with names of the caller's for candidates, e.g. their commits; seven characters are kept.
    /// </summary>
    public static ResultsTsv Of(ResearchHistory history, Func<Candidate, string> nameOf)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(nameOf);
        if (history.IsEmpty) return new() { Metric = "val_bpb", Rows = [] };
        var objective = history.Problem.Objective;
        var rows = new List<ResultsRow>();
        if (history.BaselineRuns.Count > 0)
            rows.Add(Row(nameOf(history.Problem.Baseline), history.BaselineRuns, objective, "keep", "baseline"));
        foreach (var trial in history.Trials)
        {
            if (trial is not { Verdict: { } verdict, Candidate: { } candidate, Runs.Count: > 0 }) continue;
            rows.Add(
                Row(nameOf(candidate), trial.Runs, objective, verdict is Accept ? "keep" : "discard", trial.Hypothesis.Title));
        }
        return new() { Metric = objective.Metric, Rows = rows };
    }

    /// <summary>Reads such a file, from this library or from autoresearch. Trailing columns may be missing.</summary>
    /// <exception cref="InvalidDataException">The file is not of this format; the message names the line and what
    /// is wrong.</exception>
    public static async Task<ResultsTsv> ImportAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Parse(await File.ReadAllTextAsync(path, cancellationToken).ConfigureAwait(false), path);
    }

    /// <summary>Parses the text of such a file.</summary>
    /// <param name="text">The text; lines end in LF or CR LF.</param>
    /// <param name="source">The name for error messages.</param>
    /// <exception cref="InvalidDataException">The text is not of this format; the message names the line and what
    /// is wrong.</exception>
    public static ResultsTsv Parse(string text, string source = FileName)
    {
        ArgumentNullException.ThrowIfNull(text);
        var lines = text.TrimStart('\uFEFF').Split('\n');
        var header = lines[0].TrimEnd('\r').Split('\t');
        if (header.Length < 2 || header[0].Trim() != "commit")
            throw new InvalidDataException(
                $"{source}, line 1: expected the header 'commit<tab>val_bpb<tab>memory_gb<tab>status<tab>description', "
                + $"found '{Short(lines[0])}'.");
        var rows = new List<ResultsRow>();
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (!string.IsNullOrWhiteSpace(line)) rows.Add(ParseRow(line, source, i + 1));
        }
        return new() { Metric = header[1].Trim(), Rows = rows };
    }

    /// <summary>
    /// The rows as a history, for reports on a file that another program wrote. The first row with a score is the baseline.
    /// </summary>
    /// <param name="name">The problem's name.</param>
    /// <param name="direction">Which way the metric improves, which the file does not say.</param>
    /// <exception cref="InvalidOperationException">No row has a score.</exception>
    public ResearchHistory ToHistory(string name, Direction direction = Direction.Minimize)
    {
        var first = Rows.FirstOrDefault(r => !r.IsCrash)
            ?? throw new InvalidOperationException("No row has a score, so there is no baseline.");
        var history = new ResearchHistory();
        var parent = Imported(first, 0);
        var experiments = 0;
        history.Apply(
            new LoopStarted(new ResearchProblem(name) { Objective = new Objective(Metric, direction), Baseline = parent }, 0));
        Run(first, parent, 0);
        var trial = 0;
        foreach (var row in Rows.Where(r => !ReferenceEquals(r, first)))
        {
            var change = ParameterChange.Of(("commit", row.Commit), ("row", ++trial));
            var candidate = parent.Apply(change);
            history.Apply(new HypothesisProposed(trial,
                new() { ParentId = parent.Id, Change = change, Title = row.Description }, candidate));
            Run(row, candidate, trial);
            history.Apply(new TrialJudged(trial, row.IsKept
                ? new Accept { Reason = "Kept, as the file says." }
                : new Reject { Reason = row.IsCrash ? "Crashed, as the file says." : "Discarded, as the file says." }));
            if (!row.IsKept) continue;
            history.Apply(new IncumbentAdvanced(history.Incumbents.Count, trial, candidate.Id));
            parent = candidate;
        }
        return history;

        void Run(ResultsRow row, Candidate candidate, int trial)
        {
            var id = FormattableString.Invariant($"e{++experiments:0000}");
            var result = row.IsCrash
                ? RunResult.Failure(RunOutcome.Crashed, "Crashed, as the file says.")
                : RunResult.Complete(new Dictionary<string, double> { [Metric] = row.Score });
            history.Apply(new ExperimentStarted(new()
            {
                Id = id, Candidate = candidate, Seed = 0, Budget = Budget.Unlimited, Trial = trial,
                Purpose = trial == 0 ? RunPurpose.Baseline : RunPurpose.Screen,
            }));
            var memory = row.MemoryGb > 0 ? (long?)(row.MemoryGb * 1024 * 1024 * 1024) : null;
            history.Apply(new ExperimentFinished(id, result with { Usage = new() { PeakMemoryBytes = memory } }));
        }
    }

    /// <summary>Writes the file into a directory, replacing it as a whole.</summary>
    public Task WriteAsync(string directory, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return AtomicFile.WriteAsync(Path.Combine(directory, FileName), ToString(), cancellationToken);
    }

    /// <summary>The text of the file.</summary>
    public override string ToString()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture,
            $"commit\t{Clean(Metric)}\tmemory_gb\tstatus\tdescription\n");
        foreach (var row in Rows)
            text.Append(CultureInfo.InvariantCulture,
                $"{Clean(row.Commit)}\t{row.Score:F6}\t{row.MemoryGb:F1}\t{Clean(row.Status)}\t{Clean(row.Description)}\n");
        return text.ToString();
    }

    private static Candidate Imported(ResultsRow row, int number) => Candidate.Of(("commit", row.Commit), ("row", number));

    private static ResultsRow Row(string id, IReadOnlyList<Run> runs, Objective objective, string status, string description)
    {
        var scores = runs.Select(r => r.Result.Score(objective)).OfType<double>().ToArray();
        var commit = id.Length > 7 ? id[..7] : id;
        if (scores.Length == 0) return new(commit, 0, 0, "crash", Clean(description));
        var memory = runs.Max(r => r.Result.Usage.PeakMemoryBytes ?? 0);
        return new(commit, scores.Average(), memory / (1024.0 * 1024 * 1024), status, Clean(description));
    }

    private static ResultsRow ParseRow(string line, string source, int number)
    {
        var cells = line.Split('\t');
        if (cells.Length < 2)
            throw new InvalidDataException(
                $"{source}, line {number}: expected columns separated by tabs, found '{Short(line)}'.");
        var score = Number(cells[1], "score");
        var memory = cells.Length > 2 && cells[2].Trim().Length > 0 ? Number(cells[2], "memory_gb") : 0;
        var status = cells.Length > 3 ? cells[3].Trim() : score == 0 ? "crash" : "discard";
        if (status is not ("keep" or "discard" or "crash"))
            throw new InvalidDataException(
                $"{source}, line {number}: the status is '{Short(status)}'; it must be keep, discard or crash.");
        return new(cells[0].Trim(), score, memory, status, cells.Length > 4 ? string.Join(' ', cells[4..]).Trim() : "");

        double Number(string cell, string column) =>
            double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
                ? value
                : throw new InvalidDataException(
                    $"{source}, line {number}: the {column} is '{Short(cell)}'; it must be a finite number.");
    }

    private static string Clean(string text) =>
        text.Replace('\t', ' ').Replace("\r\n", " ").Replace('\n', ' ').Replace('\r', ' ');

    private static string Short(string text) => text.Length <= 60 ? text.TrimEnd('\r') : text[..60] + "…";
}
