namespace AutoResearch;

/// <summary>
/// One experiment's worktree: a checkout of the run's base with the candidate's files. Its link to the repository is taken away
/// while the program runs, which therefore finds no repository, no configuration and no hooks to write to.
/// </summary>
internal sealed class GitWorktree(string path, string administration, string tree) : IExperimentDirectory
{
    private FileManifest? _before;

    public string Path => path;

    public IReadOnlyDictionary<string, string> Hashes { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal) { [GitWorkspace.TreeHash] = tree };

    /// <exception cref="WorkspaceException">A link stands where a file is to be written.</exception>
    public void Write(SourceTree? source, IEnumerable<string> removed)
    {
        File.Delete(System.IO.Path.Combine(path, ".git"));
        foreach (var file in removed) File.Delete(System.IO.Path.Combine(path, file));
        foreach (var (name, content) in source ?? Enumerable.Empty<KeyValuePair<string, string>>())
        {
            var target = path;
            foreach (var part in name.Split('/'))
            {
                target = System.IO.Path.Combine(target, part);
                if (new FileInfo(target).LinkTarget is not null)
                    throw new WorkspaceException(
                        $"'{name}' cannot be written: there is a link at '{System.IO.Path.GetRelativePath(path, target)}', "
                        + "and links are not followed. Take it out of the repository.");
            }

            if (Directory.Exists(target))
                throw new WorkspaceException($"'{name}' cannot be written: there is a folder of that name.");
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
            File.WriteAllText(target, content);
        }

        _before = FileManifest.Of(path);
    }

    public ValueTask<string?> CheckAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(_before!.FirstDifference(path));
    }

    public ValueTask DisposeAsync()
    {
        Remove(path);
        Remove(administration);
        return ValueTask.CompletedTask;
    }

    /// <summary>Removes a directory, whatever a program has made of it.</summary>
    public static void Remove(string directory) => WorkDirectories.Remove(directory);
}
