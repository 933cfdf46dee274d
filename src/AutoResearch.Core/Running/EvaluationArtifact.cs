namespace AutoResearch;

/// <summary>
/// What a training left, taken out of its hands: moved to a directory that the training never had, links refused.
/// </summary>
internal sealed class EvaluationArtifact : IDisposable
{
    private EvaluationArtifact(string directory, string path, string hash) => (Directory, Path, Hash) = (directory, path, hash);

    /// <summary>The evaluator's own directory.</summary>
    public string Directory { get; }

    /// <summary>Where the artifact is now.</summary>
    public string Path { get; }

    /// <summary>SHA-256 of its content.</summary>
    public string Hash { get; }

    /// <summary>Why the artifact of a run cannot be used; null when it can.</summary>
    public static string? Problem(string runDirectory, EvaluatorCommand evaluator)
    {
        var path = runDirectory;
        foreach (var part in evaluator.Artifact.Split('/'))
        {
            path = System.IO.Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null)
                return $"the artifact '{evaluator.Artifact}' is a link, or lies behind one";
        }

        if (!System.IO.Path.Exists(path)) return $"the training left no '{evaluator.Artifact}'";
        var files = System.IO.Directory.Exists(path)
            ? new DirectoryInfo(path).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            : [new FileInfo(path)];
        var bytes = 0L;
        foreach (var entry in files)
        {
            if (entry.LinkTarget is not null) return $"there is a link in the artifact '{evaluator.Artifact}': {entry.Name}";
            if (entry is not FileInfo file) continue;
            // Pipes, sockets and devices have no length; nobody needs an empty artifact.
            if (file.Length == 0) return $"'{entry.Name}' of the artifact '{evaluator.Artifact}' is empty, or not a regular file";
            if ((bytes += file.Length) > evaluator.MaximumArtifactBytes)
                return $"the artifact '{evaluator.Artifact}' is larger than {evaluator.MaximumArtifactBytes:N0} bytes "
                    + "(EvaluatorCommand.MaximumArtifactBytes)";
        }

        return null;
    }

    /// <exception cref="IOException">It cannot be moved.</exception>
    public static EvaluationArtifact Take(string runDirectory, EvaluatorCommand evaluator)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("ar-evaluation-").FullName;
        try
        {
            var (from, to) = (System.IO.Path.Combine(runDirectory, evaluator.Artifact),
                System.IO.Path.Combine(directory, System.IO.Path.GetFileName(evaluator.Artifact)));
            if (System.IO.Directory.Exists(from)) Copy(new DirectoryInfo(from), to);
            else File.Move(from, to);
            return new(directory, to, TrustedFiles.Read([to]).Digest(relativeTo: directory));
        }
        catch
        {
            GitWorktree.Remove(directory);
            throw;
        }
    }

    public void Dispose() => GitWorktree.Remove(Directory);

    private static void Copy(DirectoryInfo source, string target)
    {
        System.IO.Directory.CreateDirectory(target);
        foreach (var file in source.EnumerateFiles()) file.MoveTo(System.IO.Path.Combine(target, file.Name));
        foreach (var directory in source.EnumerateDirectories()) Copy(directory, System.IO.Path.Combine(target, directory.Name));
    }
}
