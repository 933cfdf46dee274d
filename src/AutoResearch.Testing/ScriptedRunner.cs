namespace AutoResearch.Testing;

/// <summary>A runner that answers from a script, remembers what it was asked, and lets a test wait for it. Thread-safe.</summary>
public sealed class ScriptedRunner : IExperimentRunner
{
    private readonly Func<Experiment, IProgress<Measurement>?, CancellationToken, Task<RunResult>> _script;
    private readonly Lock _lock = new();
    private readonly List<Experiment> _experiments = [];
    private readonly List<(int Count, TaskCompletionSource Signal)> _waiters = [];

    /// <summary>Creates a runner from a function of the experiment.</summary>
    public ScriptedRunner(Func<Experiment, RunResult> script)
    {
        ArgumentNullException.ThrowIfNull(script);
        _script = (experiment, _, cancellationToken) =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            return Task.FromResult(script(experiment));
        };
    }

    /// <summary>Creates a runner from an asynchronous function with everything that a runner gets.</summary>
    public ScriptedRunner(Func<Experiment, IProgress<Measurement>?, CancellationToken, Task<RunResult>> script) =>
        _script = script ?? throw new ArgumentNullException(nameof(script));

    /// <summary>Every experiment that was started, in order, repeated attempts included.</summary>
    public IReadOnlyList<Experiment> Experiments
    {
        get
        {
            lock (_lock) return [.. _experiments];
        }
    }

    /// <summary>A runner whose every run completes with the score that <paramref name="score"/> gives it.</summary>
    /// <param name="metric">The metric's name.</param>
    /// <param name="score">The score of an experiment; NaN for a run that reports NaN.</param>
    public static ScriptedRunner Score(string metric, Func<Experiment, double> score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return new(experiment => Completed(metric, score(experiment)));
    }

    /// <summary>A runner that hands out these scores in order, whatever is asked.</summary>
    /// <param name="metric">The metric's name.</param>
    /// <param name="scores">The scores; a run after the last one throws.</param>
    public static ScriptedRunner Scores(string metric, params double[] scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return Results([.. scores.Select(score => Completed(metric, score))]);
    }

    /// <summary>A runner that hands out these results in order, whatever is asked.</summary>
    /// <param name="results">The results; a run after the last one throws.</param>
    public static ScriptedRunner Results(params RunResult[] results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var next = -1;
        return new(experiment => Interlocked.Increment(ref next) is var at && at < results.Length
            ? results[at]
            : throw new InvalidOperationException(
                $"The script has {results.Length} results and was asked for one more, for {experiment.Id}."));
    }

    /// <summary>A completed result with one metric.</summary>
    public static RunResult Completed(string metric, double value) =>
        RunResult.Complete(new Dictionary<string, double> { [metric] = value });

    /// <summary>Completes as soon as <paramref name="count"/> experiments were started.</summary>
    public Task WaitForStartAsync(int count = 1, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_experiments.Count >= count) return Task.CompletedTask;
            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((count, signal));
            return signal.Task.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        lock (_lock)
        {
            _experiments.Add(experiment);
            foreach (var (count, signal) in _waiters)
            {
                if (count <= _experiments.Count) signal.TrySetResult();
            }
            _waiters.RemoveAll(w => w.Count <= _experiments.Count);
        }
        return _script(experiment, progress, cancellationToken);
    }
}
