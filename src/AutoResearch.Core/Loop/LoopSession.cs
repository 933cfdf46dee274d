using System.Diagnostics;

namespace AutoResearch;

/// <summary>
/// One enumeration of a loop: carries out the planner's steps and hands out the events, each after the journal has it. It
/// works only while its caller asks for the next event; running experiments, and a proposal that is being thought of, go on by
/// themselves.
/// </summary>
internal sealed class LoopSession(
    ResearchLoopConfiguration configuration, IJournal journal, int? maxExperiments, CancellationToken cancellationToken)
    : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _abort = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly Queue<ResearchEvent> _events = new();
    private readonly Activity? _activity = Telemetry.StartLoop(configuration.Problem);
    private LoopPlanner? _planner;
    private readonly List<RunInFlight> _runs = [];
    private readonly WakeSignal _wake = new();
    private ApprovalDesk? _desk;
    private Task<Hypothesis?>? _proposal;
    private int _proposalVersion;
    private int _failedAttempts;
    private bool _ended;
    private bool _cancelled;

    private ResearchLoopOptions Options => configuration.Options;

    private ResearchHistory History => journal.History;

    private ApprovalDesk Desk => _desk ??= new(configuration, _wake, _abort.Token);

    /// <summary>The next event; null after the last one.</summary>
    /// <exception cref="OperationCanceledException">The loop was cancelled; its last events have been handed
    /// out before.</exception>
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
                    if (await StepAsync().ConfigureAwait(false) is { } measurement) return measurement;
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

    /// <summary>Makes the planner's next step; a measurement when that was what was waited for.</summary>
    private async ValueTask<MeasurementReported?> StepAsync()
    {
        switch (_planner?.Next(History, configuration.TimeProvider.GetUtcNow(), isProposing: _proposal is not null, Desk.Waiting))
        {
            case null: await BeginAsync().ConfigureAwait(false); break;
            case RunStep run: await StartAsync(run.Experiment).ConfigureAwait(false); break;
            case JudgeStep judge: await JudgeAsync(judge.Trial).ConfigureAwait(false); break;
            case VerdictStep verdict:
                await AppendAsync(new TrialJudged(verdict.Trial, verdict.Verdict)).ConfigureAwait(false);
                if (History.Trial(verdict.Trial).Runs.Count > 0)
                    Telemetry.CountTrial(History.Trial(verdict.Trial), verdict.Verdict);
                break;
            case ApproveStep approve: await ApproveAsync(approve.Trial, approve.Stage).ConfigureAwait(false); break;
            case AdvanceStep { Trial: var trial }:
                await AppendAsync(new IncumbentAdvanced(History.State.Incumbent.Version + 1, trial.Number,
                    trial.Candidate!.Id)).ConfigureAwait(false);
                break;
            case RebaseStep { Trial: var trial }: await RebaseAsync(trial).ConfigureAwait(false); break;
            case ProposeStep when _proposal is null: BeginProposal(); break;
            case ProposeStep or WaitStep: return await WaitAsync().ConfigureAwait(false);
            case PruneStep { Hypothesis: var hypothesis }:
                await ProposedAsync(hypothesis, History.State.Incumbent.Version).ConfigureAwait(false);
                break;
            case SettleClaimsStep settled: await AppendAsync(new ClaimsSettled(settled.Claims)).ConfigureAwait(false); break;
            case MeasureGainStep measured: await AppendAsync(new GainMeasured(measured.Gain)).ConfigureAwait(false); break;
            case StopStep stop: await EndAsync(stop.Reason, stop.Message).ConfigureAwait(false); break;
            case { } step: throw new UnreachableException($"There is no such step: {step}.");
        }
        return null;
    }

    /// <summary>
    /// Waits for a measurement, for the end of a run, or for a proposal; a measurement is handed out, the rest recorded.
    /// </summary>
    private async ValueTask<MeasurementReported?> WaitAsync()
    {
        while (true)
        {
            foreach (var run in _runs)
            {
                if (run.Measurements.TryRead(out var measurement))
                    return new MeasurementReported(run.Experiment.Id, measurement)
                    {
                        Time = configuration.TimeProvider.GetUtcNow(),
                    };
                if (!run.Result.IsCompleted) continue;
                await FinishAsync(run, await run.Result.ConfigureAwait(false)).ConfigureAwait(false);
                return null;
            }
            if (Desk.Take() is { } decision)
            {
                await DecidedAsync(decision.Trial, decision.Stage, decision.Answer).ConfigureAwait(false);
                return null;
            }
            if (_proposal is { IsCompleted: true } proposal)
            {
                _proposal = null;
                await ProposeAsync(proposal).ConfigureAwait(false);
                return null;
            }
            await _wake.WaitAsync(_abort.Token).ConfigureAwait(false);
        }
    }

    private async ValueTask BeginAsync()
    {
        var failures = 0;
        if (History.IsEmpty)
        {
            await AppendAsync(
                new LoopStarted(configuration.Problem, Options.Seed ?? 0) { Version = Telemetry.Version }).ConfigureAwait(false);
        }
        else
        {
            // After a stop the user may have repaired the baseline; after a crash nothing has changed.
            if (History.Stop is not null)
                failures = History.BaselineRuns.Count(r => r.Result.Score(History.Problem.Objective) is null);
            await AppendAsync(new LoopResumed { Interrupted = [.. History.Running.Select(e => e.Id)] }).ConfigureAwait(false);
        }
        History.Attach(configuration.Problem);
        _planner = new LoopPlanner(Options, maxExperiments)
        {
            ForgivenBaselineFailures = failures,
            NeedsApproval = configuration.Gate is not null,
        };
    }

    private async ValueTask StartAsync(Experiment experiment)
    {
        var (failures, most) = _failedAttempts > 0
            ? (_failedAttempts, Options.MaxInfrastructureRetries)
            : (Disturbances(experiment), Options.MaxContentionRetries);
        if (failures > 0)
        {
            var delay = Options.DelayBefore(failures);
            LoopLog.Retrying(configuration.Logger, experiment.Id, delay, failures, most);
            await Task.Delay(delay, configuration.TimeProvider, _abort.Token).ConfigureAwait(false);
        }
        await AppendAsync(new ExperimentStarted(experiment)).ConfigureAwait(false);
        _runs.Add(new RunInFlight(configuration, Monitoring.Of(History, experiment), _activity, _wake, _abort.Token));
    }

    private async ValueTask FinishAsync(RunInFlight run, RunResult result)
    {
        _runs.Remove(run);
        result = Settled(run.Experiment, result);
        await AppendAsync(new ExperimentFinished(run.Experiment.Id, result)).ConfigureAwait(false);
        _failedAttempts = result.Outcome == RunOutcome.InfrastructureFailure ? _failedAttempts + 1 : 0;
        if (_failedAttempts <= Options.MaxInfrastructureRetries) return;
        await EndRunsAsync().ConfigureAwait(false);
        await EndAsync(StopReason.Failed,
            $"The machine failed {_failedAttempts} times in a row on {run.Experiment.Id}, the last time: "
            + $"{result.Message ?? "no message"}. Resume when it is repaired; "
            + "the experiment will be made up for.").ConfigureAwait(false);
    }

    /// <summary>A disturbed run is made again; after enough of that it is taken as it is.</summary>
    private RunResult Settled(Experiment experiment, RunResult result)
    {
        var disturbed = result.Outcome == RunOutcome.Contended
            || (result.Outcome == RunOutcome.Completed && result.Contention is not null);
        if (!disturbed) return result;
        var why = result.Contention ?? result.Message ?? "the machine was disturbed";
        if (Disturbances(experiment) < Options.MaxContentionRetries)
            return result with { Outcome = RunOutcome.Contended, Message = why };
        return result.Outcome == RunOutcome.Completed ? result : result with
        {
            Outcome = RunOutcome.Stopped,
            Message = FormattableString.Invariant($"{why}, in {Disturbances(experiment) + 1} attempts in a row"),
        };
    }

    private int Disturbances(Experiment experiment) => experiment.Attempt == 1 ? 0
        : History.Setbacks.Count(r => r.Experiment.Id == experiment.Id && r.Result.Outcome == RunOutcome.Contended);

    private async ValueTask JudgeAsync(Trial trial)
    {
        var state = History.State;
        var incumbent = trial.IncumbentVersion == state.Incumbent.Version
            ? state.Incumbent
            : History.Incumbents[trial.IncumbentVersion];
        var seen = trial with { Runs = Evidence.Sound(trial.Runs) };
        var comparison = new Comparison { Problem = state.Problem, Trial = seen, Incumbent = incumbent, State = state };
        Verdict verdict;
        try
        {
            verdict = Checked(await configuration.Acceptor.JudgeAsync(comparison, _abort.Token).ConfigureAwait(false), trial,
                state.Problem.Objective);
            if (verdict is Accept accept) verdict = Evidence.RequireSound(trial, accept);
            if (configuration.Gate is null && QuarantineRatchet.IsQuarantined(verdict))
                verdict = new Indecisive
                {
                    Reason = $"{verdict.Reason}; there is nobody to ask (ApproveWith)",
                    Statistics = verdict.Statistics,
                };
        }
        catch (Exception e) when (e is not OperationCanceledException || !_abort.IsCancellationRequested)
        {
            LoopLog.AcceptorFailed(configuration.Logger, e, trial.Number);
            await EndRunsAsync().ConfigureAwait(false);
            await EndAsync(StopReason.Failed,
                $"The acceptor failed on trial {trial.Number} with {e.GetType().Name}: {e.Message} The trial is still pending; "
                + "resume with an acceptor that can judge it.").ConfigureAwait(false);
            return;
        }
        if (verdict is Accept && configuration.Gate is not null)
        {
            await AppendAsync(
                new ApprovalRequested(trial.Number, ApprovalStage.Keep) { Verdict = verdict }).ConfigureAwait(false);
            return;
        }
        await AppendAsync(new TrialJudged(trial.Number, verdict)).ConfigureAwait(false);
        if (verdict.IsFinal) Telemetry.CountTrial(trial, verdict);
    }

    private async ValueTask ApproveAsync(Trial trial, ApprovalStage stage)
    {
        if (configuration.Gate is null)
        {
            await EndRunsAsync().ConfigureAwait(false);
            await EndAsync(StopReason.Failed,
                $"Trial {trial.Number} waits for approval, but the loop has nobody to ask. "
                + "Resume with ApproveWith.").ConfigureAwait(false);
            return;
        }

        var request = ApprovalDesk.Request(History, trial, stage);
        if (Desk.WithoutAsking(History, request) is { } answer)
        {
            await AppendAsync(
                new ApprovalDecided(trial.Number, stage, answer.Approved, answer.By, answer.Reason)).ConfigureAwait(false);
            return;
        }

        if (trial.AwaitedApproval is null) await AppendAsync(new ApprovalRequested(trial.Number, stage)).ConfigureAwait(false);
        Desk.Ask(request);
    }

    private async ValueTask DecidedAsync(int trial, ApprovalStage stage, Task<ApprovalAnswer?> task)
    {
        var (reason, message) = (StopReason.AwaitingApproval, $"Nobody has answered within {configuration.Approvals.Timeout} "
            + $"whether trial {trial} may be {(stage == ApprovalStage.Run ? "run" : "kept")}. Resume to be asked again.");
        try
        {
            if (await task.ConfigureAwait(false) is { } answer)
            {
                await AppendAsync(
                    new ApprovalDecided(trial, stage, answer.Approved, answer.By, answer.Reason)).ConfigureAwait(false);
                return;
            }
        }
        catch (Exception e) when (task.IsFaulted && ReferenceEquals(e, task.Exception.InnerException))
        {
            (reason, message) = (StopReason.Failed, $"The approval gate failed on trial {trial} with {e.GetType().Name}: "
                + $"{e.Message} Resume when it works again; it will be asked again.");
        }

        await EndRunsAsync().ConfigureAwait(false);
        await EndAsync(reason, message).ConfigureAwait(false);
    }

    private static Verdict Checked(Verdict? verdict, Trial trial, Objective objective) => verdict switch
    {
        null => throw new InvalidOperationException("It returned no verdict."),
        NeedMore { Runs: < 1 } more =>
            throw new InvalidOperationException($"It asked for {more.Runs} runs; ask for at least 1, or decide."),
        Accept when !trial.Runs.Any(r => r.Result.Score(objective) is not null) =>
            throw new InvalidOperationException("It accepted a candidate without a score; a failure is never a score."),
        _ => verdict,
    };

    private void BeginProposal()
    {
        _proposalVersion = History.State.Incumbent.Version;
        _proposal = AskAsync(History.State);
        _proposal.ContinueWith(_ => _wake.Set(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>Asks the proposer until it answers or has failed too often; then the last failure is thrown.</summary>
    private async Task<Hypothesis?> AskAsync(ResearchState state)
    {
        using var activity = Telemetry.StartProposal(_activity, state.NextTrial);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var hypothesis = await configuration.Proposer.ProposeAsync(state, _abort.Token).ConfigureAwait(false);
                return hypothesis is { ParentId: null } or { Change: null } or { Title: null }
                    ? throw new InvalidOperationException("It returned a hypothesis without a parent, a change or a title.")
                    : hypothesis;
            }
            catch (Exception e) when (e is not OperationCanceledException || !_abort.IsCancellationRequested)
            {
                LoopLog.ProposerFailed(configuration.Logger, e, attempt, Options.MaxProposalRetries + 1);
                activity?.SetStatus(ActivityStatusCode.Error, e.Message);
                if (attempt > Options.MaxProposalRetries) throw;
            }
            await Task.Delay(Options.DelayBefore(attempt), configuration.TimeProvider, _abort.Token).ConfigureAwait(false);
        }
    }

    private async ValueTask ProposeAsync(Task<Hypothesis?> proposal)
    {
        Hypothesis? hypothesis;
        try
        {
            hypothesis = await proposal.ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException || !_abort.IsCancellationRequested)
        {
            await EndRunsAsync().ConfigureAwait(false);
            await EndAsync(StopReason.Failed,
                $"The proposer failed {Options.MaxProposalRetries + 1} times in a row, the last time with {e.GetType().Name}: "
                + $"{e.Message} Resume when it works again.").ConfigureAwait(false);
            return;
        }
        if (hypothesis is null) _planner!.Exhausted = new StopStep(StopReason.Exhausted, "The proposer had nothing left to try.");
        else await ProposedAsync(hypothesis, _proposalVersion).ConfigureAwait(false);
    }

    private ValueTask RebaseAsync(Trial trial)
    {
        var (hypothesis, conflict) = Rebase.Onto(History, trial, History.State.Incumbent);
        return conflict is null
            ? ProposedAsync(hypothesis, History.State.Incumbent.Version)
            : AppendAsync(new HypothesisProposed(History.Trials.Count + 1, hypothesis, null));
    }

    private ValueTask ProposedAsync(Hypothesis hypothesis, int version) => AppendAsync(
        new HypothesisProposed(History.Trials.Count + 1, hypothesis, HypothesisCheck.Resolve(History, hypothesis).Candidate)
        {
            IncumbentVersion = version == History.State.Incumbent.Version ? null : version,
        });

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
        await EndRunsAsync().ConfigureAwait(false);
        await EndAsync(StopReason.Cancelled, message).ConfigureAwait(false);
    }

    /// <summary>Stops what is running and records how it ended.</summary>
    private async ValueTask EndRunsAsync()
    {
        await _abort.CancelAsync().ConfigureAwait(false);
        var ends = _runs.Select(run => (run.Experiment.Id, Result: EndOfAsync(run))).ToArray();
        _runs.Clear();
        foreach (var (id, result) in ends)
            await AppendAsync(new ExperimentFinished(id, await result.ConfigureAwait(false))).ConfigureAwait(false);
        await EndProposalAsync().ConfigureAwait(false);
    }

    /// <summary>The result of a run that was told to stop; one that came in just before still counts.</summary>
    private async Task<RunResult> EndOfAsync(RunInFlight run)
    {
        try
        {
            return await run.Result.WaitAsync(Options.CancellationGrace, configuration.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LoopLog.RunnerIgnoresCancellation(configuration.Logger, run.Experiment.Id, Options.CancellationGrace);
            return RunResult.Failure(RunOutcome.Cancelled,
                $"The runner did not stop within {Options.CancellationGrace} of being cancelled; "
                + "what it started may still be running.");
        }
    }

    /// <summary>Waits for a proposal that was told to stop, as long as for a run; what it brings is not used.</summary>
    private async ValueTask EndProposalAsync()
    {
        if (_desk is { } desk) await desk.EndAsync().ConfigureAwait(false);
        if (_proposal is not { } proposal) return;
        _proposal = null;
        Task end = proposal.WaitAsync(Options.CancellationGrace, configuration.TimeProvider);
        await end.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async ValueTask AbandonAsync()
    {
        await _abort.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_runs.Select(EndOfAsync)).ConfigureAwait(false);
        _runs.Clear();
        await EndProposalAsync().ConfigureAwait(false);
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
