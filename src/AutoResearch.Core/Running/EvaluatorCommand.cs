namespace AutoResearch;

/// <summary>
/// A program of yours that scores what a training left, for candidates in any language. The loop runs it in a process and a
/// directory of its own, after everything that the training started has ended; only its output makes metrics, whatever
/// the training prints.
/// </summary>
/// <remarks>
/// The training has to leave predictions or weights in a format without code, such as safetensors: an evaluator that unpickles
/// what it gets, or imports the candidate's model, runs the candidate's code beside its own, and the score is the
/// candidate's to choose.
/// </remarks>
public sealed class EvaluatorCommand
{
    /// <summary>Creates the command.</summary>
    /// <param name="command">
    /// The program and its arguments, split at blanks outside of quotes. <c>{artifact}</c> is the full path of what the training
    /// left; the placeholders of <see cref="ProcessRunner"/> are there as well. Name files by their full paths: it starts
    /// in an empty directory.
    /// </param>
    /// <param name="artifact">The file or directory that the training leaves, relative to its directory, e.g.
    /// <c>model.safetensors</c>.</param>
    /// <exception cref="ArgumentException">The command is empty, or the artifact is no path inside of the run's
    /// directory.</exception>
    public EvaluatorCommand(string command, string artifact)
    {
        Command = CommandLine.Split(command);
        SourceTree.CheckPath(artifact);
        Artifact = artifact;
    }

    /// <summary>The file or directory that the training leaves.</summary>
    public string Artifact { get; }

    /// <summary>
    /// Full paths of the files and directories that the score depends on: the evaluator itself, its data, its tokenizer. Their
    /// hashes are taken when the runner is created and compared before the training, after it, and after the evaluation; in a
    /// sandbox the evaluator may read them, and the training may not, unless the policy says so. Default none.
    /// </summary>
    public IReadOnlyList<string> Trusted { get; init; } = [];

    /// <summary>How long it may take. Default 10 minutes.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The largest artifact, in bytes. Default 64 GiB.</summary>
    public long MaximumArtifactBytes { get; init; } = 64L << 30;

    internal IReadOnlyList<string> Command { get; }

    internal EvaluatorCommand Validate()
    {
        foreach (var path in Trusted)
        {
            if (!Path.IsPathFullyQualified(path) || !Path.Exists(path))
                throw new ArgumentException(
                    $"EvaluatorCommand.Trusted names '{path}', which is not the full path of a file or directory that exists.");
        }

        if (Time <= TimeSpan.Zero) throw new ArgumentException($"EvaluatorCommand.Time is {Time}; it must be positive.");
        if (MaximumArtifactBytes <= 0)
            throw new ArgumentException($"EvaluatorCommand.MaximumArtifactBytes is {MaximumArtifactBytes}; it must be positive.");
        return this;
    }
}
