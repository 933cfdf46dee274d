namespace AutoResearch;

/// <summary>
/// Watches one run: hands its measurements to the monitors, asks the policy what follows, ends the run or offers it the action,
/// and keeps what was done and the learning curve. Thread-safe.
/// </summary>
internal sealed class RunSupervisor : IRunSteering
{
    private readonly MonitoredRun _run;
    private readonly IReadOnlyList<IRunMonitor> _monitors;
    private readonly InterventionPolicy _policy;
    private readonly IProgress<Measurement> _listener;
    private readonly Action _stop;
    private readonly CurveRecorder _curve;
    private readonly List<Intervention> _interventions = [];
    private readonly Lock _lock = new();
    private readonly List<RunWatch> _watches = [];
    private RunAbilities _abilities;
    private Intervention? _pending;
    private Measurement _last;

    /// <param name="run">The run.</param>
    /// <param name="monitors">Who watches.</param>
    /// <param name="policy">What follows.</param>
    /// <param name="listener">Gets every measurement too.</param>
    /// <param name="stop">Ends the run; called once.</param>
    public RunSupervisor(
        MonitoredRun run, IReadOnlyList<IRunMonitor> monitors, InterventionPolicy policy, IProgress<Measurement> listener,
        Action stop)
    {
        (_run, _monitors, _policy, _listener, _stop) = (run, monitors, policy, listener, stop);
        _curve = new(run.Objective.Metric);
        Begin();
    }

    /// <summary>How the run was ended; null when it was not.</summary>
    public Intervention? Stopped
    {
        get
        {
            lock (_lock) return _interventions is [.., { Action.Kind: RunActionKind.Stop } last] ? last : null;
        }
    }

    public void Report(Measurement value)
    {
        value = value with { Progress = _run.ProgressOf(value) };
        _listener.Report(value);
        var stops = false;
        lock (_lock)
        {
            if (_interventions is [.., { Action.Kind: RunActionKind.Stop }]) return;
            _last = value;
            _curve.Add(value);
            if (_pending is not null) return;
            foreach (var watch in _watches)
            {
                if (watch(value) is not { } signal || !MayActOn(signal)) continue;
                var action = Act(signal);
                if (action.Kind == RunActionKind.Continue) continue;
                var done = new Intervention(action, signal) { Step = value.Step, Progress = value.Progress };
                stops = action.Kind == RunActionKind.Stop;
                if (stops) _interventions.Add(done);
                else _pending = done;
                break;
            }
        }
        if (stops) _stop();
    }

    public void Offer(RunAbilities abilities)
    {
        lock (_lock) _abilities = abilities;
    }

    public RunAction? Take()
    {
        lock (_lock)
        {
            if (_pending is not { } pending) return null;
            _pending = null;
            _interventions.Add(pending);
            Begin(); // what was seen before tells nothing of the run that goes on
            return pending.Action;
        }
    }

    /// <summary>
    /// The result with what was seen and done; the one of a run that was ended, if it was and has no score of its own.
    /// </summary>
    public RunResult Complete(RunResult? result, TimeSpan elapsed)
    {
        lock (_lock)
        {
            if (result is null or { Outcome: not RunOutcome.Completed }
                && _interventions is [.., { Action.Kind: RunActionKind.Stop } stop])
            {
                var ended = Ended(stop, elapsed);
                if (result?.Outcome != ended.Outcome) result = ended with { LogTail = result?.LogTail, Device = result?.Device };
            }
            else if (_interventions is [.., { Action.Kind: RunActionKind.Stop }])
                // It ended by itself before it could be stopped: its score counts
                _interventions.RemoveAt(_interventions.Count - 1);
            return result! with
            {
                Curve = result.Curve ?? _curve.Curve,
                Interventions = _interventions.Count == 0 ? null : [.. _interventions],
            };
        }
    }

    private RunResult Ended(Intervention stop, TimeSpan elapsed) => RunResult.Failure(
        stop.Signal.Kind switch
        {
            MonitorSignalKind.Diverged => RunOutcome.Diverged,
            MonitorSignalKind.Machine => RunOutcome.Contended,
            _ => RunOutcome.Stopped,
        },
        stop.Signal.Reason) with
    {
        Usage = new()
        {
            WallTime = elapsed,
            TrainingTime = _last.Elapsed > TimeSpan.Zero ? _last.Elapsed : null,
            Steps = _last.Step > 0 ? _last.Step : null,
        },
    };

    private void Begin()
    {
        _watches.Clear();
        foreach (var monitor in _monitors)
        {
            if (monitor.Watch(_run) is { } watch) _watches.Add(watch);
        }
    }

    // A judgement of quality may only end a run that selects: anywhere else it would choose the evidence by its outcome.
    private bool MayActOn(MonitorSignal signal) =>
        signal.Kind is MonitorSignalKind.Diverged or MonitorSignalKind.Memory or MonitorSignalKind.Machine
        || _run.Experiment.Purpose == RunPurpose.Screen;

    private RunAction Act(MonitorSignal signal)
    {
        // Evidence is measured without a hand at the wheel
        if (_run.Experiment.Purpose != RunPurpose.Screen) return RunAction.Stop;
        var action = _policy.Decide(signal, _run, _abilities, _interventions);
        var able = action.Kind switch
        {
            RunActionKind.LowerLearningRate => _abilities.HasFlag(RunAbilities.LowerLearningRate),
            RunActionKind.RollBack => _abilities.HasFlag(RunAbilities.RollBack),
            _ => true,
        };
        return able ? action : RunAction.Stop;
    }
}
