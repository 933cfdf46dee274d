namespace AutoResearch;

/// <summary>How a <see cref="ProcessRunner"/> starts, watches and ends a program. Validated when the runner is created.</summary>
public sealed class ProcessRunnerOptions
{
    /// <summary>How parameters are passed, besides placeholders such as <c>{lr}</c>. Default none.</summary>
    public ParameterPassing Parameters { get; set; }

    /// <summary>
    /// Where the program runs. Null (the default) for the experiment's own directory when there is a
    /// <see cref="TemplateDirectory"/> or the candidate has source files, else for the current directory.
    /// </summary>
    public string? WorkingDirectory { get; set; }

    /// <summary>
    /// A directory that is copied to every experiment's own directory, before the candidate's source files are written over it.
    /// <c>.git</c>, <c>bin</c> and <c>obj</c> are left out. Null (the default) for none.
    /// </summary>
    public string? TemplateDirectory { get; set; }

    /// <summary>
    /// Gives every experiment its directory with the files to run, e.g. a <see cref="GitWorkspace"/>, in the place of
    /// <see cref="TemplateDirectory"/>. A run that changed a file of it is <see cref="RunOutcome.Invalid"/>. Null
    /// (the default) for none.
    /// </summary>
    public IExperimentWorkspace? Workspace { get; set; }

    /// <summary>
    /// The trusted side that owns data, clock and metric of the runs; what the program prints is then its log and nothing else,
    /// and the host limits the training and what comes before and after it. Null (the default) for programs
    /// that report by printing.
    /// </summary>
    public IProgramHost? Host { get; set; }

    /// <summary>
    /// Scores what the program leaves, in a process of its own; what the program prints is then its log and nothing else. Null
    /// (the default) for programs that report by printing. Excludes <see cref="Host"/>.
    /// </summary>
    public EvaluatorCommand? Evaluator { get; set; }

    /// <summary>
    /// A command that makes the program from the candidate's files, run before it in the same place, e.g.
    /// <c>dotnet build train.cs -o out</c>. If it fails, the run has failed. Its time is not the program's. Null
    /// (the default) for none.
    /// </summary>
    public string? Build { get; set; }

    /// <summary>How long a build may take. Default 2 minutes.</summary>
    public TimeSpan BuildTime { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// The file that the build makes, relative to the experiment's directory: its hash goes with the result, so that
    /// <see cref="NoOpGuard"/> knows changes without an effect. Null (the default) for none.
    /// </summary>
    public string? ProgramFile { get; set; }

    /// <summary>
    /// Where the experiments' own directories are made, for this user only. Default: <c>autoresearch-&lt;user&gt;</c> in the
    /// directory for temporary files.
    /// </summary>
    public string RunsDirectory { get; set; } = WorkDirectories.Temporary("autoresearch");

    /// <summary>True to keep the experiments' own directories, which are then listed as artifacts. Default false.</summary>
    public bool KeepRunDirectories { get; set; }

    /// <summary>
    /// Environment variables that the program gets, besides those of a bare system (PATH, HOME, USER, LANG, LC_*, TMPDIR, TZ,
    /// DOTNET_*, and what Windows needs). Default none: keys and tokens of this process stay here.
    /// </summary>
    public IList<string> AllowedEnvironment { get; } = [];

    /// <summary>Environment variables with values of their own. Default none.</summary>
    public IDictionary<string, string> Environment { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// Confines the program. Null (the default) for a <see cref="BubblewrapSandbox"/> with the default policy where the candidate
    /// has source files, which a proposer may have written, and none where it has parameters only. Where there is no sandbox,
    /// such candidates are refused; <c>Sandbox.None("reason")</c> runs them without one.
    /// </summary>
    public ISandbox? Sandbox { get; set; }

    /// <summary>
    /// A metric that a completed run must report; null (the default) when the loop's objective is check enough.
    /// </summary>
    public string? RequiredMetric { get; set; }

    /// <summary>
    /// Time on top of the training budget for start-up, compilation and evaluation, before the program is
    /// stopped. Default 5 minutes.
    /// </summary>
    public TimeSpan StartupAllowance { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a program that was told to end may take before it is killed. Default 2 seconds.</summary>
    public TimeSpan KillGrace { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Characters of output that are kept, the last ones. Default 65,536.</summary>
    public int LogTailLength { get; set; } = 65_536;

    /// <summary>Free bytes on the disk of a directory; a seam for tests.</summary>
    internal Func<string, long> FreeSpace { get; init; } = directory =>
        new DriveInfo(Path.GetFullPath(directory)).AvailableFreeSpace;

    /// <summary>What confines source candidates when <see cref="Sandbox"/> is null.</summary>
    internal ISandbox Automatic { get; } = new BubblewrapSandbox();

    internal ISandbox? SandboxFor(Candidate candidate) => Sandbox ?? (candidate.Source is null ? null : Automatic);

    internal ProcessRunnerOptions Validate()
    {
        Check(nameof(WorkingDirectory), WorkingDirectory, WorkingDirectory is null || Directory.Exists(WorkingDirectory),
            "does not exist");
        Check(nameof(TemplateDirectory), TemplateDirectory, TemplateDirectory is null || Directory.Exists(TemplateDirectory),
            "does not exist");
        Check(nameof(Workspace), Workspace, Workspace is null || (TemplateDirectory is null && WorkingDirectory is null),
            "excludes TemplateDirectory and WorkingDirectory");
        if ((Sandbox ?? (Workspace is null ? null : Automatic))?.Describe().Problem is { } problem)
            throw AutoResearch.Sandbox.Missing(problem);
        Check(nameof(RunsDirectory), RunsDirectory, !string.IsNullOrWhiteSpace(RunsDirectory), "must name a directory");
        Check(nameof(Build), Build, Build is null || !string.IsNullOrWhiteSpace(Build), "must name a program");
        Check(nameof(Evaluator), Evaluator, Evaluator is null || Host is null, "excludes Host");
        Check(nameof(Evaluator), Evaluator, Evaluator is null || WorkingDirectory is null,
            "excludes WorkingDirectory: every run needs a directory of its own to leave its artifact in");
        Evaluator?.Validate();
        Check(nameof(BuildTime), BuildTime, BuildTime > TimeSpan.Zero, "must be positive");
        Check(nameof(StartupAllowance), StartupAllowance, StartupAllowance >= TimeSpan.Zero, "must not be negative");
        Check(nameof(KillGrace), KillGrace, KillGrace >= TimeSpan.Zero, "must not be negative");
        Check(nameof(LogTailLength), LogTailLength, LogTailLength >= 1024, "must be at least 1,024");
        return this;
    }

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good)
            throw new ArgumentException(FormattableString.Invariant($"ProcessRunnerOptions.{name} is '{value}'; it {rule}."));
    }
}
