using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AutoResearch;

/// <summary>A command as a list of arguments with placeholders. No shell is involved, so nothing needs escaping.</summary>
internal static partial class CommandLine
{
    /// <summary>Splits at blanks outside of single or double quotes; a backslash is a character like any other.</summary>
    /// <exception cref="ArgumentException">The text is empty or a quote is not closed.</exception>
    public static IReadOnlyList<string> Split(string command)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(command);
        var (parts, part, quote) = (new List<string>(), (StringBuilder?)null, '\0');
        foreach (var c in command)
        {
            if (quote != '\0')
            {
                if (c == quote) quote = '\0';
                else part!.Append(c);
            }
            else if (c is '"' or '\'')
            {
                (quote, part) = (c, part ?? new());
            }
            else if (char.IsWhiteSpace(c))
            {
                if (part is not null) parts.Add(part.ToString());
                part = null;
            }
            else
            {
                (part ??= new()).Append(c);
            }
        }
        if (quote != '\0') throw new ArgumentException($"A {quote} is not closed in the command: {command}", nameof(command));
        if (part is not null) parts.Add(part.ToString());
        return parts;
    }

    /// <summary>The argument with <c>{name}</c> replaced; braces around anything but a name stay as they are.</summary>
    /// <exception cref="ArgumentException">There is no such value; the message lists those there are.</exception>
    public static string Fill(string argument, IReadOnlyDictionary<string, string> values) =>
        Placeholder().Replace(argument, match =>
        {
            var name = match.Groups[1].Value;
            return values.TryGetValue(name, out var value)
                ? value
                : throw new ArgumentException($"The command has the placeholder {{{name}}}, but there is no such value; "
                    + $"there are: {string.Join(", ", values.Keys.Order(StringComparer.Ordinal))}.");
        });

    /// <summary>The values that an experiment offers to placeholders.</summary>
    public static Dictionary<string, string> ValuesOf(Experiment experiment, string runDirectory)
    {
        // The runner's own values come last: a parameter called seed must not replace the seed.
        var values = experiment.Candidate.Parameters.ToDictionary(p => p.Key, p => p.Value.ToString(), StringComparer.Ordinal);
        values["seed"] = experiment.Seed.ToString(CultureInfo.InvariantCulture);
        values["experiment"] = experiment.Id;
        values["run_dir"] = runDirectory;
        var budget = experiment.ScaledBudget();
        if (budget.Training is { } training) values["training_seconds"] = Seconds(training);
        if (budget.Wall is { } wall) values["wall_seconds"] = Seconds(wall);
        if (budget.Steps is { } steps) values["steps"] = steps.ToString(CultureInfo.InvariantCulture);
        if (budget.Tokens is { } tokens) values["tokens"] = tokens.ToString(CultureInfo.InvariantCulture);
        if (budget.Flops is { } flops) values["flops"] = flops.ToString("0", CultureInfo.InvariantCulture);
        return values;
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\{([A-Za-z_][A-Za-z0-9_.\-]*)\}", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();
}
