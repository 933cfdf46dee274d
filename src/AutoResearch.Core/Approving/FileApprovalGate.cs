namespace AutoResearch;

/// <summary>
/// Asks through files, for loops without a terminal: a request is a file <c>0007-run-1a2b3c4d.txt</c> in a directory, and the
/// answer a file of the same name that ends in <c>.approve</c> or <c>.deny</c>; a first line <c>by: name</c> and a reason may
/// stand in it. An answer that was given while no loop ran counts.
/// </summary>
/// <remarks>
/// The directory must be out of reach of experiments: whoever can write there can approve. It must not be a directory that a
/// <see cref="SandboxPolicy"/> names as writable, nor one inside of a worktree.
/// </remarks>
public sealed class FileApprovalGate : IApprovalGate
{
    private readonly string _directory;
    private readonly TimeProvider _clock;

    /// <summary>Creates a gate.</summary>
    /// <param name="directory">Where requests and answers are; created if need be.</param>
    /// <param name="clock">Measures the time between two looks; the system's when null.</param>
    public FileApprovalGate(string directory, TimeProvider? clock = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        _directory = Path.GetFullPath(directory);
        _clock = clock ?? TimeProvider.System;
        Directory.CreateDirectory(_directory);
    }

    /// <summary>How often the directory is looked at. Default once a second.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public async Task<ApprovalAnswer> AskAsync(ApprovalRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var path = Path.Combine(_directory, request.Id);
        if (!File.Exists(path + ".txt"))
        {
            var text = $"{ApprovalText.Of(request)}\nTo answer, write a file {request.Id}.approve or {request.Id}.deny beside "
                + $"this one, e.g.\n  printf 'by: me\\nlooks sane\\n' > {request.Id}.approve\n";
            await AtomicFile.WriteAsync(path + ".txt", text, cancellationToken).ConfigureAwait(false);
        }

        while (true)
        {
            // A no beats a yes: somebody has had doubts.
            foreach (var (ending, approved) in (ReadOnlySpan<(string, bool)>)[(".deny", false), (".approve", true)])
            {
                if (Read(path + ending) is { } answer) return new(approved, answer.By, answer.Reason);
            }

            await Task.Delay(Interval, _clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private static (string By, string Reason)? Read(string path)
    {
        try
        {
            if (!File.Exists(path)) return null;
            var lines = File.ReadAllLines(path);
            var by = lines.FirstOrDefault()?.StartsWith("by:", StringComparison.OrdinalIgnoreCase) == true
                ? lines[0][3..].Trim()
                : "";
            var reason = string.Join('\n', by.Length > 0 ? lines.Skip(1) : lines).Trim();
            return (by.Length > 0 ? by : "a file", reason);
        }
        catch (IOException)
        {
            return null; // it is being written
        }
    }
}
