namespace AutoResearch;

/// <summary>How a <see cref="GitWorkspace"/> uses a repository. Validated when it is opened.</summary>
public sealed class GitWorkspaceOptions
{
    /// <summary>
    /// The name of the run: its branch is <c>autoresearch/&lt;tag&gt;</c>. Letters, digits, '-', '_' and '.'. Two
    /// loops never share one.
    /// </summary>
    public required string Tag { get; init; }

    /// <summary>Globs of the files that candidates may change, as <see cref="ResearchProblem.Editable"/>.</summary>
    public required IReadOnlyList<string> Editable { get; init; }

    /// <summary>
    /// Where worktrees are made, outside of the repository. Null (the default) for <c>autoresearch-worktrees-&lt;user&gt;</c> in
    /// the directory for temporary files. Each repository and tag has a folder of its own in it.
    /// </summary>
    public string? WorktreesDirectory { get; init; }

    /// <summary>
    /// Where <c>results.tsv</c> is written after every verdict, in autoresearch's own format, e.g. the root of the repository,
    /// where it must be ignored or untracked. Null (the default) for nowhere.
    /// </summary>
    public string? ResultsDirectory { get; init; }

    /// <summary>Author and committer of the commits. Default "AutoResearch".</summary>
    public string AuthorName { get; init; } = "AutoResearch";

    /// <summary>Address of author and committer. Default "autoresearch@localhost".</summary>
    public string AuthorEmail { get; init; } = "autoresearch@localhost";

    /// <summary>The git program. Default "git".</summary>
    public string Git { get; init; } = "git";

    internal GitWorkspaceOptions Validate()
    {
        if (string.IsNullOrEmpty(Tag) || !Tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            || Tag[0] is '.' or '-'
            || Tag.Contains("..", StringComparison.Ordinal) || Tag.EndsWith('.')
            || Tag.EndsWith(".lock", StringComparison.Ordinal))
            throw new ArgumentException($"GitWorkspaceOptions.Tag is '{Tag}'; use letters, digits, '-', '_' and '.', e.g. mar5.");
        if (Editable.Count == 0)
            throw new ArgumentException(
                "GitWorkspaceOptions.Editable is empty; name the files that may change, e.g. [\"train.py\"].");
        return this;
    }
}
