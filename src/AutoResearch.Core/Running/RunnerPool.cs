using System.Threading.Channels;

namespace AutoResearch;

/// <summary>
/// Several runners as one, each for its own device: an experiment goes to the next one that is free, and waits if none is. With
/// <see cref="ResearchLoopOptions.MaxParallel"/> equal to their number none stands idle.
/// </summary>
/// <example>
/// One process runner a GPU:
/// <code>
/// new RunnerPool(Enumerable.Range(0, 8).Select(gpu => new ProcessRunner("python train.py",
///     new() { Environment = { ["CUDA_VISIBLE_DEVICES"] = gpu.ToString() } })))
/// </code>
/// </example>
public sealed class RunnerPool : IExperimentRunner
{
    private readonly Channel<IExperimentRunner> _free = Channel.CreateUnbounded<IExperimentRunner>();

    /// <summary>Creates a pool.</summary>
    /// <param name="runners">The runners, one or more. The pool does not dispose of them.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public RunnerPool(params IEnumerable<IExperimentRunner> runners)
    {
        ArgumentNullException.ThrowIfNull(runners);
        foreach (var runner in runners)
        {
            _free.Writer.TryWrite(runner ?? throw new ArgumentException("A runner of the pool is null.", nameof(runners)));
            Count++;
        }
        if (Count == 0) throw new ArgumentException("A pool needs at least one runner.", nameof(runners));
    }

    /// <summary>How many runners there are.</summary>
    public int Count { get; }

    /// <inheritdoc/>
    public async Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        var runner = await _free.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await runner.RunAsync(experiment, progress, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _free.Writer.TryWrite(runner);
        }
    }
}
