namespace AutoResearch;

/// <summary>
/// A runner around another one: the base of decorators that log, cache or place runs. Passes everything through.
/// </summary>
/// <param name="inner">The runner that is asked.</param>
public abstract class DelegatingRunner(IExperimentRunner inner) : IExperimentRunner
{
    /// <summary>The runner that is asked.</summary>
    protected IExperimentRunner Inner { get; } = inner ?? throw new ArgumentNullException(nameof(inner));

    /// <inheritdoc/>
    public virtual Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default) =>
        Inner.RunAsync(experiment, progress, cancellationToken);
}
