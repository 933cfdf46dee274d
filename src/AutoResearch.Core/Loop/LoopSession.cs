using System.Diagnostics;

namespace AutoResearch;

/// <summary>
/// One enumeration of a loop: carries out the planner's steps and hands out the events, each after the journal has it. It
/// works only while its caller asks for the next event, and for the running experiment, which goes on by itself.
/// </summary>
internal sealed class LoopSession(ResearchLoopConfiguration configuration, IJournal journal, int? maxExperiments, CancellationToken cancellationToken)
    : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _abort = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly Queue<ResearchEvent> _events = new();
    private readonly Activity? _activity = Telemetry.StartLoop(configuration.Problem);
    private LoopPlanner? _planner;
    private RunInFlight? _run;
    private int _failedAttempts;
    private bool _ended;
    private bool _cancelled;

    private ResearchLoopOptions Options => configuration.Options;

    private ResearchHistory History => journal.History;

    /// <summary>The next event; null after the last one.</summary>
    /// <exception cref="OperationCanceledException">The loop was cancelled; its last events have been handed out before.</exception>
    public async ValueTask<ResearchEvent?> NextAsync()
    {
        await _gate.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            while (true)
            {
                if (_events.TryDequeue(out var e)) return e;
                if (_cancelled) throw new OperationCanceledException(cancellationToken);
                if (_ended) return null;
                try
                {
                    _abort.Token.ThrowIfCancellationRequested();
                    if (_run is not null)
                    {
                        if (await NextMeasurementAsync(_run).ConfigureAwait(false) is { } measurement) return measurement;
                    }
                    else
                    {
                        await StepAsync().ConfigureAwait(false);
                    }
                }
                catch (OperationCanceledException) when (_abort.IsCancellationRequested)
                {
                    await CancelAsync("The loop was cancelled.").ConfigureAwait(false);
                }
            }
        }
        catch when (!_ended)
        {
            await AbandonAsync().ConfigureAwait(false); // the journal failed: nothing more can be recorded
            throw;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends the session if it has not ended: the caller has stopped listening, or disposes of the loop.</summary>
    public async ValueTask StopAsync()
    {
        await _abort.CancelAsync().ConfigureAwait(false);
        await _gate.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (!_ended) await CancelAsync("The caller stopped listening.").ConfigureAwait(false);
        }
        catch when (!_ended)
        {
            await AbandonAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        _abort.Dispose();
        _gate.Dispose();
    }

    private ValueTask StepAsync() => _planner?.Next(History, configuration.TimeProvider.GetUtcNow()) switch
    {
        null => BeginAsync(),
        RunStep run => StartAsync(run.Experiment),
        JudgeStep judge => JudgeAsync(judge.Trial),
        VerdictStep verdict => AppendAsync(new TrialJudged(verdict.Trial, verdict.Verdict)),
        AdvanceStep advance => AppendAsync(
            new IncumbentAdvanced(History.State.Incumbent.Version + 1, advance.Trial.Number, advance.Trial.Candidate!.Id)),
        ProposeStep => ProposeAsync(_planner),
        SettleClaimsStep settled => AppendAsync(new ClaimsSettled(settled.Claims)),
        MeasureGainStep measured => AppendAsync(new GainMeasured(measured.Gain)),
        StopStep stop => EndAsync(stop.Reason, stop.Message),
        { } step => throw new UnreachableException($"There is no such step: {step}."),
    };

    private async ValueTask BeginAsync()
    {
        var failures = 0;
        if (History.IsEmpty)
        {
            await AppendAsync(new LoopStarted(configuration.Problem, Options.Seed ?? 0) { Version = Telemetry.Version }).ConfigureAwait(false);
        }
        else
        {
            // After a stop the user may have repaired the baseline; after a crash nothing has changed.
            if (History.Stop is not null) failures = History.BaselineRuns.Count(r => r.Result.Score(History.Problem.Objective) is null);
            await AppendAsync(new LoopResumed { Interrupted = [.. History.Running.Select(e => e.Id)] }).ConfigureAwait(false);
        }
        History.Attach(configuration.Problem);
        _planner = new LoopPlanner(Options, maxExperiments) { ForgivenBaselineFailures = failures };
    }

    private async ValueTask StartAsync(Experiment experiment)
    {
        if (_failedAttempts > 0)
        {
            var delay = Options.DelayBefore(_failedAttempts);
            LoopLog.Retrying(configuration.Logger, experiment.Id, delay, _failedAttempts, Options.MaxInfrastructureRetries);
            await Task.Delay(delay, configuration.TimeProvider, _abort.Token).ConfigureAwait(false);
        }
        await AppendAsync(new ExperimentStarted(experiment)).ConfigureAwait(false);
        _run = new RunInFlight(configuration, History.Problem.Objective, experiment, _activity, _abort.Token);
    }

    /// <summary>The running experiment's next measurement; null once it has ended and its result is recorded.</summary>
    private async ValueTask<MeasurementReported?> NextMeasurementAsync(RunInFlight run)
    {
        while (await run.Measurements.WaitToReadAsync(_abort.Token).ConfigureAwait(false))
        {
            if (run.Measurements.TryRead(out var measurement))
                return new MeasurementReported(run.Experiment.Id, measurement) { Time = configuration.TimeProvider.GetUtcNow() };
        }
        var result = await run.Result.ConfigureAwait(false);
        _run = null;
        await AppendAsync(new ExperimentFinished(run.Experiment.Id, result)).ConfigureAwait(false);
        _failedAttempts = result.Outcome == RunOutcome.InfrastructureFailure ? _failedAttempts + 1 : 0;
        if (_failedAttempts > Options.MaxInfrastructureRetries)
        {
            await EndAsync(StopReason.Failed,
                $"The machine failed {_failedAttempts} times in a row on {run.Experiment.Id}, the last time: {result.Message ?? "no message"}. Resume when it is repaired; the experiment will be made up for.").ConfigureAwait(false);
        }
        return null;
    }

    private async ValueTask JudgeAsync(Trial trial)
    {
        var state = History.State;
        var comparison = new Comparison { Problem = state.Problem, Trial = trial, Incumbent = state.Incumbent, State = state };
        Verdict verdict;
        try
        {
            verdict = Checked(await configuration.Acceptor.JudgeAsync(comparison, _abort.Token).ConfigureAwait(false), trial, state.Problem.Objective);
        }
        catch (Exception e) when (e is not OperationCanceledException || !_abort.IsCancellationRequested)
        {
            LoopLog.AcceptorFailed(configuration.Logger, e, trial.Number);
            await EndAsync(StopReason.Failed,
                $"The acceptor failed on trial {trial.Number} with {e.GetType().Name}: {e.Message} The trial is still pending; resume with an acceptor that can judge it.").ConfigureAwait(false);
            return;
        }
        await AppendAsync(new TrialJudged(trial.Number, verdict)).ConfigureAwait(false);
        if (verdict.IsFinal) Telemetry.CountTrial(trial, verdict);
    }

    private static Verdict Checked(Verdict? verdict, Trial trial, Objective objective) => verdict switch
    {
        null => throw new InvalidOperationException("It returned no verdict."),
        NeedMore { Runs: < 1 } more => throw new InvalidOperationException($"It asked for {more.Runs} runs; ask for at least 1, or decide."),
        Accept when !trial.Runs.Any(r => r.Result.Score(objective) is not null) =>
            throw new InvalidOperationException("It accepted a candidate without a score; a failure is never a score."),
        _ => verdict,
    };

    private async ValueTask ProposeAsync(LoopPlanner planner)
    {
        var state = History.State;
        using var activity = Telemetry.StartProposal(_activity, state.NextTrial);
        Hypothesis? hypothesis;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                hypothesis = await configuration.Proposer.ProposeAsync(state, _abort.Token).ConfigureAwait(false);
                if (hypothesis is { ParentId: null } or { Change: null } or { Title: null })
                    throw new InvalidOperationException("It returned a hypothesis without a parent, a change or a title.");
                break;
            }
            catch (Exception e) when (e is not OperationCanceledException || !_abort.IsCancellationRequested)
            {
                LoopLog.ProposerFailed(configuration.Logger, e, attempt, Options.MaxProposalRetries + 1);
                activity?.SetStatus(ActivityStatusCode.Error, e.Message);
                if (attempt > Options.MaxProposalRetries)
                {
                    await EndAsync(StopReason.Failed,
                        $"The proposer failed {attempt} times in a row, the last time with {e.GetType().Name}: {e.Message} Resume when it works again.").ConfigureAwait(false);
                    return;
                }
            }
            await Task.Delay(Options.DelayBefore(attempt), configuration.TimeProvider, _abort.Token).ConfigureAwait(false);
        }
        if (hypothesis is null) planner.Exhausted = new StopStep(StopReason.Exhausted, "The proposer had nothing left to try.");
        else await AppendAsync(new HypothesisProposed(state.NextTrial, hypothesis, HypothesisCheck.Resolve(History, hypothesis).Candidate)).ConfigureAwait(false);
    }

    private async ValueTask EndAsync(StopReason reason, string message)
    {
        await AppendAsync(new LoopStopped(reason, message)).ConfigureAwait(false);
        Close();
    }

    private async ValueTask CancelAsync(string message)
    {
        _cancelled = true;
        if (_planner is null) // nothing was recorded, so there is nothing to end
        {
            Close();
            return;
        }
        if (_run is { } run)
        {
            _run = null;
            await AppendAsync(new ExperimentFinished(run.Experiment.Id, await EndOfAsync(run).ConfigureAwait(false))).ConfigureAwait(false);
        }
        await EndAsync(StopReason.Cancelled, message).ConfigureAwait(false);
    }

    /// <summary>The result of a run that was told to stop; one that came in just before still counts.</summary>
    private async ValueTask<RunResult> EndOfAsync(RunInFlight run)
    {
        await _abort.CancelAsync().ConfigureAwait(false);
        try
        {
            return await run.Result.WaitAsync(Options.CancellationGrace, configuration.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LoopLog.RunnerIgnoresCancellation(configuration.Logger, run.Experiment.Id, Options.CancellationGrace);
            return RunResult.Failure(RunOutcome.Cancelled,
                $"The runner did not stop within {Options.CancellationGrace} of being cancelled; what it started may still be running.");
        }
    }

    private async ValueTask AbandonAsync()
    {
        if (_run is { } run) await EndOfAsync(run).ConfigureAwait(false);
        _run = null;
        Close();
    }

    private void Close()
    {
        _ended = true;
        _activity?.Dispose();
    }

    // Never cancelled: of a cancelled write nobody would know whether it had happened.
    private async ValueTask AppendAsync(ResearchEvent e)
    {
        e = e with { Time = configuration.TimeProvider.GetUtcNow() };
        await journal.AppendAsync(e, CancellationToken.None).ConfigureAwait(false);
        _events.Enqueue(e);
        LoopLog.Write(configuration.Logger, e, History);
    }
}
