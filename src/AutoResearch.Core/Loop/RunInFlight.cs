using System.Diagnostics;
using System.Threading.Channels;

namespace AutoResearch;

/// <summary>
/// A running experiment: its task, which never fails, and the measurements that come in meanwhile. When the listener is
/// slow the oldest measurements are dropped, so that a flood neither blocks the runner nor fills the memory.
/// </summary>
internal sealed class RunInFlight : IProgress<Measurement>
{
    private readonly Channel<Measurement> _measurements;
    private readonly ResearchLoopConfiguration _configuration;
    private readonly Objective _objective;
    private readonly Activity? _activity;
    private readonly WakeSignal _wake;
    private readonly MonitoredRun _watched;
    private long _start;
    private DeviceWatch? _device;

    public RunInFlight(
        ResearchLoopConfiguration configuration, MonitoredRun watched, Activity? loop, WakeSignal wake,
        CancellationToken cancellationToken)
    {
        var experiment = watched.Experiment;
        _configuration = configuration;
        (_watched, _objective) = (watched, watched.Objective);
        _wake = wake;
        Experiment = experiment;
        _measurements = Channel.CreateBounded<Measurement>(new BoundedChannelOptions(configuration.Options.MeasurementBuffer)
        {
            FullMode = BoundedChannelFullMode.DropOldest,
            SingleReader = true,
        });
        _activity = Telemetry.StartExperiment(loop, experiment);
        // On the thread pool: a runner that works synchronously must not keep its measurements from the listener.
        Result = Task.Run(() => RunAsync(cancellationToken), CancellationToken.None);
        Result.ContinueWith(_ => wake.Set(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    public Experiment Experiment { get; }

    public Task<RunResult> Result { get; }

    public ChannelReader<Measurement> Measurements => _measurements.Reader;

    void IProgress<Measurement>.Report(Measurement value)
    {
        _measurements.Writer.TryWrite(value);
        _wake.Set();
    }

    private async Task<RunResult> RunAsync(CancellationToken cancellationToken)
    {
        RunResult? result;
        Begin();
        RunScope.Current = new(Begin, what => LoopLog.WaitingForDevice(_configuration.Logger, Experiment.Id, what));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var supervisor = _configuration.Monitors.Count == 0
            ? null
            : new RunSupervisor(_watched, _configuration.Monitors, _configuration.Policy, this, end.Cancel);
        try
        {
            var task = _configuration.Runner.RunAsync(Experiment, supervisor ?? (IProgress<Measurement>)this, end.Token);
            result = (task is null ? null : await task.ConfigureAwait(false))
                ?? RunResult.Failure(RunOutcome.InfrastructureFailure, "The runner returned no result.");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = RunResult.Failure(RunOutcome.Cancelled, "The loop was cancelled.");
        }
        catch (OperationCanceledException) when (supervisor?.Stopped is not null)
        {
            result = null;
        }
        catch (Exception e)
        {
            LoopLog.RunnerThrew(_configuration.Logger, e, Experiment.Id);
            result = RunResult.Failure(RunOutcome.InfrastructureFailure, $"The runner threw {e.GetType().Name}: {e.Message}");
        }
        var elapsed = _configuration.TimeProvider.GetElapsedTime(_start);
        if (supervisor is not null && result?.Outcome != RunOutcome.Cancelled) result = supervisor.Complete(result, elapsed);
        result = Checked(result!, elapsed, cancellationToken.IsCancellationRequested);
        if (_device is not null && result is { Outcome: RunOutcome.Completed, Contention: null })
            result = result with { Contention = Disturbance(_configuration.Options.Contention!, _device, result, elapsed) };
        Telemetry.EndExperiment(_activity, Experiment, result);
        _measurements.Writer.TryComplete();
        return result;
    }

    // Again when the run has waited for a device: what others did meanwhile is no disturbance.
    private void Begin()
    {
        _start = _configuration.TimeProvider.GetTimestamp();
        _device = _configuration.Options.Contention is null ? null : DeviceWatch.Start();
    }

    // With several runs at once, their processes cannot be told from those of others.
    private string? Disturbance(ContentionOptions options, DeviceWatch device, RunResult result, TimeSpan elapsed) =>
        (_configuration.Options.MaxParallel == 1
            ? device.Disturbance(options, result.Usage.CpuTime ?? TimeSpan.Zero, elapsed)
            : null)
        ?? RunSpeed.Disturbance(result, _watched.Repeats, options);

    /// <summary>The result as the loop may believe it: completed only with a finite score, cancelled only by the loop.</summary>
    private RunResult Checked(RunResult result, TimeSpan elapsed, bool cancelled)
    {
        if (result.Usage.WallTime == TimeSpan.Zero) result = result with { Usage = result.Usage with { WallTime = elapsed } };
        if (result.Outcome == RunOutcome.Cancelled && !cancelled)
            return result with
            {
                Outcome = RunOutcome.InfrastructureFailure,
                Message = "The runner reported a cancellation that nobody asked for.",
            };
        return result.RequireMetric(_objective.Metric);
    }
}
