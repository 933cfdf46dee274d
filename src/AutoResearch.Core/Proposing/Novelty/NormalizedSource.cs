using System.Text;

namespace AutoResearch;

/// <summary>
/// Source text without what no compiler sees: comments, blank lines, blanks at line ends and runs of blanks inside a line. The
/// indentation stays, which means something in Python. Text inside quotes is not touched.
/// </summary>
internal static class NormalizedSource
{
    private enum State
    {
        Code,
        Text,
        Comment,
    }

    public static string Of(string path, string text) => string.Join('\n', Lines(path, text));

    public static IEnumerable<string> Lines(string path, string text)
    {
        foreach (var line in WithoutComments(path, text).Split('\n'))
        {
            var end = line.TrimEnd();
            if (end.Length > 0) yield return end;
        }
    }

    /// <summary>True when two trees mean the same program as far as the text shows.</summary>
    public static bool Same(SourceTree? a, SourceTree? b)
    {
        if (ReferenceEquals(a, b)) return true;
        if (a is null || b is null || !a.Keys.SequenceEqual(b.Keys)) return false;
        return a.All(f => f.Value == b[f.Key] || Of(f.Key, f.Value) == Of(f.Key, b[f.Key]));
    }

    private static string WithoutComments(string path, string source)
    {
        var hash = Path.GetExtension(path) is ".py" or ".sh" or ".toml" or ".yaml" or ".yml" or ".r" or ".jl";
        var slashes = Path.GetExtension(path) is ".cs" or ".c" or ".h" or ".cpp" or ".hpp" or ".cu" or ".cuh" or ".js" or ".ts"
            or ".java" or ".rs" or ".go" or ".fs";
        var text = source.ReplaceLineEndings("\n");
        var (result, state, quote, start) = (new StringBuilder(text.Length), State.Code, "", true);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var rest = text.AsSpan(i);
            if (state == State.Comment)
            {
                if (!rest.StartsWith(quote)) continue;
                (state, i) = (State.Code, i + quote.Length - 1);
                if (quote == "\n") (_, start) = (result.Append('\n'), true);
            }
            else if (state == State.Text)
            {
                if (c == '\\' && quote.Length == 1 && i + 1 < text.Length) result.Append(c).Append(text[++i]);
                else if (rest.StartsWith(quote) || (quote.Length == 1 && c == '\n'))
                {
                    result.Append(c == '\n' ? "\n" : quote);
                    (state, i, start) = (State.Code, c == '\n' ? i : i + quote.Length - 1, c == '\n');
                }
                else result.Append(c);
            }
            else if ((hash && c == '#') || (slashes && rest.StartsWith("//")))
            {
                (state, quote) = (State.Comment, "\n");
            }
            else if (slashes && rest.StartsWith("/*"))
            {
                (state, quote, i) = (State.Comment, "*/", i + 1);
            }
            else if (c is '"' or '\'' && (hash || slashes))
            {
                quote = rest.StartsWith("\"\"\"") ? "\"\"\"" : rest.StartsWith("'''") && hash ? "'''" : c.ToString();
                result.Append(quote);
                (state, i, start) = (State.Text, i + quote.Length - 1, false);
            }
            else if (c is ' ' or '\t' && !start && (hash || slashes))
            {
                if (result.Length > 0 && result[^1] != ' ') result.Append(' ');
            }
            else
            {
                result.Append(c);
                start = c == '\n' || (start && c is ' ' or '\t');
            }
        }

        return result.ToString();
    }
}
