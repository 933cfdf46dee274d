namespace AutoResearch;

/// <summary>Edits source files, in order.</summary>
/// <param name="Edits">The edits; a later one sees the result of the earlier ones.</param>
public sealed record SourceChange(IReadOnlyList<FileEdit> Edits) : Change
{
    /// <inheritdoc/>
    public override Candidate ApplyTo(Candidate parent)
    {
        ArgumentNullException.ThrowIfNull(parent);
        var files = (parent.Source ?? Enumerable.Empty<KeyValuePair<string, string>>())
            .ToDictionary(f => f.Key, f => f.Value, StringComparer.Ordinal);
        foreach (var edit in Edits) Apply(edit, files);
        return new Candidate { Parameters = parent.Parameters, Source = new SourceTree(files) };
    }

    private static void Apply(FileEdit edit, Dictionary<string, string> files)
    {
        try
        {
            SourceTree.CheckPath(edit.Path);
        }
        catch (ArgumentException e)
        {
            throw new ChangeException(e.Message, e);
        }
        switch (edit)
        {
            case WriteFile write: files[write.Path] = write.Content; break;
            case DeleteFile delete:
                if (!files.Remove(delete.Path))
                    throw new ChangeException($"Cannot delete '{delete.Path}': there is no such file.");
                break;
            case ReplaceText replace: files[replace.Path] = Replaced(replace, files); break;
            default: throw new ChangeException($"Edits of type {edit.GetType().Name} are not known.");
        }
    }

    private static string Replaced(ReplaceText edit, Dictionary<string, string> files)
    {
        if (!files.TryGetValue(edit.Path, out var text))
            throw new ChangeException($"Cannot edit '{edit.Path}': there is no such file.");
        if (edit.Search.Length == 0) throw new ChangeException($"The text to search in '{edit.Path}' is empty.");
        var at = text.IndexOf(edit.Search, StringComparison.Ordinal);
        if (at < 0) throw new ChangeException($"The text to replace was not found in '{edit.Path}': \"{Short(edit.Search)}\".");
        if (text.IndexOf(edit.Search, at + 1, StringComparison.Ordinal) >= 0)
            throw new ChangeException(
                $"The text to replace occurs more than once in '{edit.Path}': \"{Short(edit.Search)}\". Quote more of it.");
        return string.Concat(text.AsSpan(0, at), edit.Replace, text.AsSpan(at + edit.Search.Length));
    }

    private static string Short(string text) => text.Length <= 80 ? text : text[..80] + "…";
}
