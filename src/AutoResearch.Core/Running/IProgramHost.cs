namespace AutoResearch;

/// <summary>
/// The trusted side of runs: talks with a program while it runs, owns data, clock and metric, and gives the result in the place
/// of what the program prints. See <see cref="ProcessRunnerOptions.Host"/>. Thread-safe.
/// </summary>
public interface IProgramHost
{
    /// <summary>Opens the side of one attempt, before its program is started.</summary>
    /// <param name="experiment">What is about to run.</param>
    /// <param name="progress">Receives measurements while it runs; null when nobody listens.</param>
    /// <param name="cancellationToken">Stops opening.</param>
    /// <exception cref="ArgumentException">The experiment cannot be hosted; the run is <see cref="RunOutcome.Invalid"/> with this
    /// message.</exception>
    ValueTask<IProgramSession> OpenAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default);
}
