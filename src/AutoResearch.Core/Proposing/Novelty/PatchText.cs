using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>
/// A change as the lines that it removes and adds, normalised: comments and the width of blanks do not count, nor does the order
/// of the lines. Equal patches are the same idea, whatever they apply to.
/// </summary>
internal sealed class PatchText
{
    private readonly string[] _lines;

    private PatchText(IEnumerable<string> lines)
    {
        _lines = [.. lines.Order(StringComparer.Ordinal)];
        Text = string.Join('\n', _lines);
    }

    /// <summary>Added lines begin with '+', removed ones with '-', after the file's name.</summary>
    public string Text { get; }

    public int Added => _lines.Count(l => l[0] == '+');

    public int Removed => _lines.Count(l => l[0] == '-');

    public bool IsEmpty => _lines.Length == 0;

    /// <summary>The patch from one candidate to another.</summary>
    public static PatchText Between(Candidate from, Candidate to)
    {
        var lines = new List<string>();
        foreach (var path in Paths(from, to))
        {
            var (before, after) = (from.Source?.GetValueOrDefault(path), to.Source?.GetValueOrDefault(path));
            if (before == after) continue;
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var line in NormalizedSource.Lines(path, after ?? "")) counts[line] = counts.GetValueOrDefault(line) + 1;
            foreach (var line in NormalizedSource.Lines(path, before ?? "")) counts[line] = counts.GetValueOrDefault(line) - 1;
            foreach (var (line, count) in counts)
            {
                for (var i = 0; i < Math.Abs(count); i++) lines.Add($"{(count > 0 ? '+' : '-')}{path}: {line.Trim()}");
            }

            if (counts.Values.All(c => c == 0)
                && NormalizedSource.Of(path, before ?? "") != NormalizedSource.Of(path, after ?? ""))
                lines.Add($"+{path}: (order) {string.Join(' ', NormalizedSource.Lines(path, after ?? ""))}");
        }

        var names = from.Parameters.Keys.Union(to.Parameters.Keys, StringComparer.Ordinal);
        foreach (var name in names)
        {
            var (had, has) = (from.Parameters.TryGetValue(name, out var old), to.Parameters.TryGetValue(name, out var value));
            if (had && has && old == value) continue;
            if (had) lines.Add($"-{name} = {old}");
            if (has) lines.Add($"+{name} = {value}");
        }

        return new(lines);
    }

    /// <summary>What a trial changed, in one line for prompts.</summary>
    public static string Describe(Trial trial, ResearchState state)
    {
        var parent = trial.Hypothesis.ParentId == state.Problem.Baseline.Id
            ? state.Problem.Baseline
            : Find(trial.Hypothesis.ParentId, state);
        return parent is null || trial.Candidate is null
            ? "none that applies"
            : Between(parent, trial.Candidate).Text.Replace("\n", " ; ", StringComparison.Ordinal);
    }

    public static Candidate? Find(string id, ResearchState state) =>
        id == state.Incumbent.Candidate.Id ? state.Incumbent.Candidate
            : id == state.Problem.Baseline.Id ? state.Problem.Baseline
            : state.Trials.FirstOrDefault(t => t.Candidate?.Id == id)?.Candidate;

    /// <summary>
    /// How alike two patches are, 0…1: the Jaccard index of their words, and 0 if their numbers differ, since another value
    /// is another experiment.
    /// </summary>
    public double Similarity(PatchText other)
    {
        var (words, numbers) = Tokens(Text);
        var (otherWords, otherNumbers) = Tokens(other.Text);
        if (!numbers.SequenceEqual(otherNumbers)) return 0;
        var union = words.Union(otherWords).Count();
        return union == 0 ? 1 : (double)words.Intersect(otherWords).Count() / union;
    }

    public bool HasNumbersOf(PatchText other) => Tokens(Text).Numbers.SequenceEqual(Tokens(other.Text).Numbers);

    private static IEnumerable<string> Paths(Candidate from, Candidate to) =>
        (from.Source?.Keys ?? []).Union(to.Source?.Keys ?? [], StringComparer.Ordinal).Order(StringComparer.Ordinal);

    private static (HashSet<string> Words, List<double> Numbers) Tokens(string text)
    {
        var (words, numbers, word) = (new HashSet<string>(StringComparer.Ordinal), new List<double>(), new StringBuilder());
        foreach (var line in text.Split('\n'))
        {
            var side = line.Length > 0 ? line[0] : ' ';
            foreach (var c in line.Append(' '))
            {
                var inNumber = word.Length > 0 && char.IsAsciiDigit(word[0]);
                if (char.IsLetterOrDigit(c) || c == '_' || (c == '.' && inNumber)
                    || (c == '-' && inNumber && word[^1] is 'e' or 'E'))
                {
                    word.Append(c);
                    continue;
                }

                if (word.Length > 0)
                {
                    var token = word.ToString();
                    if (double.TryParse(token, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                        numbers.Add(side == '-' ? -number : number);
                    else words.Add(side + token);
                    word.Clear();
                }

                if (!char.IsWhiteSpace(c)) words.Add($"{side}{c}");
            }
        }

        numbers.Sort();
        return (words, numbers);
    }
}
