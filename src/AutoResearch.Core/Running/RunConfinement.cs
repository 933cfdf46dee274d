namespace AutoResearch;

/// <summary>The sandbox of one run: how its program is started, what is watched, and what is said of it afterwards.</summary>
internal sealed class RunConfinement : IDisposable
{
    // A second process of the session waits for the end of a pipe that only this process holds: when this process dies,
    // however suddenly, the session is killed. The program itself takes the place of the shell.
    private const string Guard =
        "exec 3<&0; (exec >/dev/null 2>&1; cat <&3; kill -KILL -$$) & exec \"$0\" \"$@\" </dev/null 3<&-";

    // A sandbox must not be the child of a thread of ours, with whose end it would be killed; the shell stays and has no threads.
    private const string SandboxGuard = "exec 3<&0; (exec >/dev/null 2>&1; cat <&3; kill -KILL -$$) & trap : TERM; input=$1; "
        + "shift; \"$@\" </dev/null 3<&- 8<\"$input\" 9>\"$0\"; exit $?";

    private const string NoSetsid = "exec \"$0\" \"$@\" </dev/null";
    private const string NoSetsidSandbox = "input=$1; shift; \"$@\" </dev/null 8<\"$input\" 9>\"$0\"; exit $?";

    private readonly ISandbox? _sandbox;
    private LaunchFiles? _files;

    private RunConfinement(ISandbox? sandbox) => _sandbox = sandbox;

    /// <summary>True when the program runs in namespaces, whose end is the end of all.</summary>
    public bool IsNamespace => _files is not null;

    /// <summary>What is recorded with the run.</summary>
    public string Description => _sandbox switch
    {
        null => "none (parameters only)",
        NoSandbox none => none.Describe().ToString(),
        _ => $"{_sandbox.Describe()}; {_sandbox.Policy}",
    };

    public SandboxPolicy? Policy => _sandbox?.Policy;

    /// <exception cref="SandboxException">The candidate needs a sandbox, and there is none.</exception>
    public static RunConfinement Of(ProcessRunnerOptions options, Candidate candidate)
    {
        var sandbox = options.SandboxFor(candidate);
        if (sandbox?.Describe().Problem is { } problem) throw Sandbox.Missing(problem);
        if (sandbox is not (null or NoSandbox))
        {
            foreach (var name in options.AllowedEnvironment.Concat(options.Environment.Keys)) sandbox.Policy.CheckVariable(name);
        }

        return new(sandbox);
    }

    /// <summary>The command with everything that stands before it, and the variables that it needs.</summary>
    /// <exception cref="SandboxException">The sandbox cannot be set up.</exception>
    public (IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment) Wrap(
        SandboxCommand command, string? setsid)
    {
        var launch = _sandbox?.Wrap(command) ?? new([command.Program, .. command.Arguments]);
        if (launch.ReportsExit) _files = new(launch);
        IReadOnlyList<string> shell = _files is not null
            ? ["/bin/sh", "-c", setsid is null ? NoSetsidSandbox : SandboxGuard, _files.Status, _files.Input]
            : ["/bin/sh", "-c", setsid is null ? NoSetsid : Guard];
        IReadOnlyList<string> launcher = OperatingSystem.IsWindows() ? [] : setsid is null ? shell : [setsid, .. shell];
        return ([.. launcher, .. launch.Command], launch.Environment);
    }

    /// <summary>True when the sandbox, and not the program, has failed.</summary>
    public bool HasFailed()
    {
        try
        {
            return _files is not null && !File.ReadAllText(_files.Status).Contains("\"exit-code\"", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Why the run has to be ended for what it takes; null while it keeps to its limits.</summary>
    public (RunOutcome Outcome, string Message)? Violation(
        ProcessTree tree, long memory, Budget budget, IReadOnlyList<string> directories, bool lookAtDisk)
    {
        if (memory > budget.MemoryBytes)
            return (RunOutcome.OutOfMemory,
                $"The run used {memory >> 20} MiB, more than its budget of {budget.MemoryBytes >> 20} MiB.");
        if (Policy is not { } policy) return null;
        if (memory > policy.MemoryBytes)
            return (RunOutcome.OutOfMemory,
                $"The run used {memory >> 20} MiB, more than the {policy.MemoryBytes >> 20} MiB of SandboxPolicy.MemoryBytes.");
        if (tree.Tasks > policy.Processes)
            return (RunOutcome.Crashed, $"The run had {tree.Tasks} processes and threads, "
                + $"more than the {policy.Processes} of SandboxPolicy.Processes, and was ended.");
        if (!lookAtDisk || (policy.DiskBytes is null && policy.DiskFiles is null)) return null;
        var (bytes, entries) = DirectorySize.Of(directories, policy.DiskFiles ?? int.MaxValue);
        if (bytes > policy.DiskBytes)
            return (RunOutcome.Crashed, $"The run wrote {bytes >> 20} MiB, "
                + $"more than the {policy.DiskBytes >> 20} MiB of SandboxPolicy.DiskBytes, and was ended.");
        return entries > policy.DiskFiles
            ? (RunOutcome.Crashed,
                $"The run made more than the {policy.DiskFiles} files of SandboxPolicy.DiskFiles, and was ended.")
            : null;
    }

    public void Dispose() => _files?.Dispose();
}
