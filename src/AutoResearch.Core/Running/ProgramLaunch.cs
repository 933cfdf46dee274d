namespace AutoResearch;

/// <summary>A program of an experiment that is about to be started: its build, itself, or its evaluator.</summary>
/// <param name="Command">Program and arguments, with placeholders.</param>
/// <param name="Directory">The directory that it may write.</param>
internal sealed record ProgramLaunch(IReadOnlyList<string> Command, string Directory)
{
    /// <summary>True for the experiment's own program, which is told the parameters and has the budget's time.</summary>
    public bool IsExperiment { get; init; }

    /// <summary>True when it starts in <see cref="Directory"/> whatever the options say.</summary>
    public bool StartsInDirectory { get; init; }

    /// <summary>How long it may run; null for no limit.</summary>
    public TimeSpan? Limit { get; init; }

    /// <summary>
    /// The trusted side, if there is one: the result is then what it says, and what the program prints is only its log.
    /// </summary>
    public IProgramSession? Session { get; init; }

    /// <summary>Receives measurements.</summary>
    public IProgress<Measurement>? Progress { get; init; }

    /// <summary>What it may read besides.</summary>
    public IReadOnlyList<string> Readable { get; init; } = [];

    /// <summary>Placeholders besides those of the experiment.</summary>
    public IReadOnlyDictionary<string, string> Values { get; init; } = new Dictionary<string, string>();

    /// <summary>Variables besides those of the experiment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}
