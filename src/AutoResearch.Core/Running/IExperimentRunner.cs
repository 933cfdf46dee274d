namespace AutoResearch;

/// <summary>
/// Runs an experiment under its budget. The runner owns the clock, the seed and the metric; the candidate owns none of them.
/// </summary>
public interface IExperimentRunner
{
    /// <summary>Runs one experiment to its end.</summary>
    /// <param name="experiment">What to run.</param>
    /// <param name="progress">Receives measurements while it runs; null when nobody listens.</param>
    /// <param name="cancellationToken">Stops the run, with everything that it started.</param>
    /// <returns>
    /// The result. Failures of the experiment are outcomes, not exceptions; an exception means a fault of the runner
    /// and is recorded as <see cref="RunOutcome.InfrastructureFailure"/>.
    /// </returns>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing of the run is left.</exception>
    Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default);
}
