namespace AutoResearch;

/// <summary>
/// An experiment's own directory: new for every attempt, so that nothing of an earlier run can be taken for its result.
/// </summary>
internal sealed class RunDirectory
{
    private static readonly HashSet<string> s_leftOut = new(StringComparer.OrdinalIgnoreCase) { ".git", "bin", "obj" };

    private RunDirectory(string path) => Path = path;

    public string Path { get; }

    /// <exception cref="IOException">The directory cannot be made, e.g. because the disk is full.</exception>
    public static RunDirectory Create(ProcessRunnerOptions options, Experiment experiment, string nonce)
    {
        WorkDirectories.CreatePrivate(options.RunsDirectory);
        var root = Directory.CreateDirectory(System.IO.Path.Combine(options.RunsDirectory, $"{experiment.Id}-{nonce}"));
        var directory = new RunDirectory(root.FullName);
        try
        {
            if (options.TemplateDirectory is { } template) Copy(new DirectoryInfo(template), root.FullName);
            foreach (var (path, content) in experiment.Candidate.Source ?? Enumerable.Empty<KeyValuePair<string, string>>())
            {
                var file = System.IO.Path.Combine(root.FullName, path);
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
                // A link in the template must not lead the write to somewhere else.
                if (File.Exists(file) && new FileInfo(file).LinkTarget is not null) File.Delete(file);
                File.WriteAllText(file, content);
            }
            return directory;
        }
        catch
        {
            directory.Delete();
            throw;
        }
    }

    public void Delete() => WorkDirectories.Remove(Path);

    private static void Copy(DirectoryInfo source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var file in source.EnumerateFiles()) file.CopyTo(System.IO.Path.Combine(target, file.Name));
        foreach (var directory in source.EnumerateDirectories())
        {
            if (!s_leftOut.Contains(directory.Name) && directory.LinkTarget is null)
                Copy(directory, System.IO.Path.Combine(target, directory.Name));
        }
    }
}
