namespace AutoResearch;

/// <summary>The trusted side of one attempt at a run. Disposing closes every channel to the program.</summary>
public interface IProgramSession : IAsyncDisposable
{
    /// <summary>Variables that tell the program how to reach this side.</summary>
    IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>
    /// Directories and files that the program has to see and to write to, e.g. a socket, wherever a sandbox shuts it in.
    /// </summary>
    IReadOnlyList<string> SharedPaths { get; }

    /// <summary>Serves the program from its start until there is a result; the program is ended then.</summary>
    /// <param name="programEnd">Completes once the program has ended with everything that it started: nothing
    /// more will come.</param>
    /// <param name="cancellationToken">Ends the service; nobody waits for its result.</param>
    /// <returns>
    /// The run's result. <see cref="RunOutcome.Crashed"/> when the program ended too early: its exit code and its
    /// output then say why.
    /// </returns>
    Task<RunResult> ServeAsync(Task programEnd, CancellationToken cancellationToken = default);
}
