using System.Text;
using System.Text.RegularExpressions;

namespace AutoResearch;

/// <summary>
/// Which files candidates may change, create and delete, by glob: <c>*</c> and <c>?</c> stand for characters of one name,
/// <c>**</c> for any folders. Case matters. Nothing below <c>.git</c> is ever editable. Immutable and thread-safe.
/// </summary>
public sealed class EditableSurface
{
    private readonly Regex[] _patterns;

    /// <summary>Creates a surface.</summary>
    /// <param name="globs">Relative globs with forward slashes, e.g. <c>train.py</c>, <c>src/**/*.cs</c>; none for no
    /// restriction.</param>
    /// <exception cref="ArgumentException">A glob is empty, absolute, or leaves the tree.</exception>
    public EditableSurface(IEnumerable<string> globs)
    {
        ArgumentNullException.ThrowIfNull(globs);
        Globs = [.. globs];
        foreach (var glob in Globs) SourceTree.CheckPath(glob);
        _patterns = [.. Globs.Select(g => new Regex(Pattern(g), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking))];
    }

    /// <summary>The globs.</summary>
    public IReadOnlyList<string> Globs { get; }

    /// <summary>True when the file at this path may be changed, created or deleted.</summary>
    /// <param name="path">A relative path with forward slashes.</param>
    public bool Allows(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Split('/').Any(part => part.Equals(".git", StringComparison.OrdinalIgnoreCase))) return false;
        return _patterns.Length == 0 || _patterns.Any(p => p.IsMatch(path));
    }

    /// <summary>
    /// Null when all differences lie on the surface, otherwise a sentence that names the file and what is allowed.
    /// </summary>
    /// <param name="before">The files before; null for none.</param>
    /// <param name="after">The files after; null for none.</param>
    public string? Violation(SourceTree? before, SourceTree? after)
    {
        foreach (var path in (before?.Keys ?? []).Union(after?.Keys ?? [], StringComparer.Ordinal))
        {
            if (before?.GetValueOrDefault(path) != after?.GetValueOrDefault(path) && !Allows(path)) return Refusal(path);
        }

        return null;
    }

    internal string Refusal(string path) =>
        $"'{path}' may not be edited; "
        + $"{(Globs.Count == 0 ? "nothing below .git may" : $"editable is: {string.Join(", ", Globs)}")}.";

    private static string Pattern(string glob)
    {
        var pattern = new StringBuilder(@"\A");
        for (var i = 0; i < glob.Length; i++)
        {
            if (glob.AsSpan(i).StartsWith("**/")) (_, i) = (pattern.Append("(?:[^/]+/)*"), i + 2);
            else if (glob.AsSpan(i).StartsWith("**")) (_, i) = (pattern.Append(".*"), i + 1);
            else if (glob[i] == '*') pattern.Append("[^/]*");
            else if (glob[i] == '?') pattern.Append("[^/]");
            else pattern.Append(Regex.Escape(glob[i].ToString()));
        }

        return pattern.Append(@"\z").ToString();
    }
}
