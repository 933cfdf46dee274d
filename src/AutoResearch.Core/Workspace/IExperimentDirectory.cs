namespace AutoResearch;

/// <summary>The directory of one attempt at an experiment. Disposing removes it.</summary>
public interface IExperimentDirectory : IAsyncDisposable
{
    /// <summary>Its full path.</summary>
    string Path { get; }

    /// <summary>Content hashes of what is to run, for <see cref="RunResult.Hashes"/>.</summary>
    IReadOnlyDictionary<string, string> Hashes { get; }

    /// <summary>
    /// Compares the files with what they were before the run: null when none was changed, replaced or deleted, otherwise a
    /// sentence that names one. New files are allowed.
    /// </summary>
    ValueTask<string?> CheckAsync(CancellationToken cancellationToken = default);
}
