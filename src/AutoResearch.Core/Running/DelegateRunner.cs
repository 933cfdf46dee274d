namespace AutoResearch;

/// <summary>Runs code of the user's in this process.</summary>
/// <remarks>
/// The budget of time is enforced through the token that the code gets: it is cancelled when the time ends. Code that ignores
/// it is given up after <see cref="Grace"/> and goes on in the background, since .NET cannot end a thread; use
/// <see cref="ProcessRunner"/> for code that is not trusted to stop. Other parts of the budget are the code's own affair.
/// Thread-safe if the code is.
/// </remarks>
public sealed class DelegateRunner : IExperimentRunner
{
    private readonly Func<RunContext, CancellationToken, Task<RunResult>> _run;
    private readonly TimeProvider _clock;

    /// <summary>Creates a runner from code that makes a whole result.</summary>
    /// <param name="run">The code; called on a thread of the pool.</param>
    /// <param name="clock">Measures time; the system's clock when null.</param>
    public DelegateRunner(Func<RunContext, CancellationToken, Task<RunResult>> run, TimeProvider? clock = null)
    {
        _run = run ?? throw new ArgumentNullException(nameof(run));
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>Creates a runner from code that computes metrics.</summary>
    /// <param name="run">The code; called on a thread of the pool.</param>
    /// <param name="clock">Measures time; the system's clock when null.</param>
    public DelegateRunner(Func<RunContext, CancellationToken, Task<Dictionary<string, double>>> run, TimeProvider? clock = null)
        : this(async (context, token) => RunResult.Complete(await run(context, token).ConfigureAwait(false)), clock) =>
        ArgumentNullException.ThrowIfNull(run);

    /// <summary>Creates a runner from code that computes one metric of the parameters.</summary>
    /// <param name="metric">The metric's name, normally the objective's.</param>
    /// <param name="function">The code; called on a thread of the pool.</param>
    /// <param name="clock">Measures time; the system's clock when null.</param>
    public DelegateRunner(string metric, Func<ParameterSet, double> function, TimeProvider? clock = null)
        : this((context, _) =>
            Task.FromResult(RunResult.Complete(new Dictionary<string, double> { [metric] = function(context.Parameters) })),
            clock)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(metric);
        ArgumentNullException.ThrowIfNull(function);
    }

    /// <summary>How long code may go on after its time has ended or it was cancelled. Default 5 seconds.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        cancellationToken.ThrowIfCancellationRequested();
        experiment.Budget.Validate();
        var limit = Limit(experiment.ScaledBudget());
        var context = new RunContext(experiment, _clock, progress);
        using var deadline = limit is { } time ? new CancellationTokenSource(time, _clock) : new CancellationTokenSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var token = stop.Token;
        var run = Task.Run(() => _run(context, token), CancellationToken.None);
        RunResult result;
        try
        {
            var stopped = new TaskCompletionSource();
            await using (token.Register(stopped.SetResult).ConfigureAwait(false))
                await Task.WhenAny(run, stopped.Task).ConfigureAwait(false);
            result = run.IsCompleted
                ? await run.ConfigureAwait(false)
                : await run.WaitAsync(Grace, _clock, CancellationToken.None).ConfigureAwait(false);
            result ??= RunResult.Failure(RunOutcome.Invalid, "The code returned no result.");
            // When the training time ends, code may still evaluate; after the wall time nothing counts.
            if (experiment.Budget.Wall is { } wall && context.Elapsed > wall && deadline.IsCancellationRequested)
                result = RunResult.Failure(RunOutcome.TimedOut, $"The run ended after its wall time of {wall}.");
        }
        catch (Exception e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            result = deadline.IsCancellationRequested && e is OperationCanceledException or TimeoutException
                ? RunResult.Failure(RunOutcome.TimedOut, $"The run was still going when its time of {limit} ended."
                    + (run.IsCompleted ? "" : $" It ignored its token for {Grace} and goes on in the background."))
                : Failure(e);
        }
        cancellationToken.ThrowIfCancellationRequested();
        return result with
        {
            Usage = result.Usage.WallTime == TimeSpan.Zero ? result.Usage with { WallTime = context.Elapsed } : result.Usage,
            Device = result.Device ?? DeviceFingerprint.Read(),
        };
    }

    internal static TimeSpan? Limit(Budget budget) =>
        budget.Training is { } training && budget.Wall is { } wall
            ? (training < wall ? training : wall)
            : budget.Training ?? budget.Wall;

    private static RunResult Failure(Exception e) => e is OutOfMemoryException
        ? RunResult.Failure(RunOutcome.OutOfMemory, e.Message)
        : RunResult.Failure(RunOutcome.Crashed, $"{e.GetType().Name}: {e.Message}") with { LogTail = e.ToString() };
}
