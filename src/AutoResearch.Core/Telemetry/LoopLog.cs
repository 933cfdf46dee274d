using Microsoft.Extensions.Logging;

namespace AutoResearch;

/// <summary>
/// What a loop logs, under the category <c>AutoResearch.ResearchLoop</c>. Event ids: 1 started, 2 resumed, 3 proposed,
/// 4 experiment started, 5 completed, 6 failed, 7 retry after a failure of the machine, 8 verdict, 9 new incumbent, 10 gain
/// measured, 11 stopped, 12 proposer failed, 13 acceptor failed, 14 runner ignores cancellation, 15 runner threw.
/// </summary>
internal static partial class LoopLog
{
    [LoggerMessage(1, LogLevel.Information, "Loop '{Problem}' started with seed {Seed}")]
    public static partial void Started(ILogger logger, string problem, long seed);

    [LoggerMessage(2, LogLevel.Information,
        "Loop '{Problem}' resumed after {Experiments} experiments and {Trials} trials; interrupted: {Interrupted}")]
    public static partial void Resumed(ILogger logger, string problem, int experiments, int trials, int interrupted);

    [LoggerMessage(3, LogLevel.Information, "Trial {Trial}: {Title}")]
    public static partial void Proposed(ILogger logger, int trial, string title);

    [LoggerMessage(4, LogLevel.Debug, "{Experiment} started: {Purpose} of trial {Trial}, attempt {Attempt}, seed {Seed}")]
    public static partial void ExperimentStarted(
        ILogger logger, string experiment, RunPurpose purpose, int trial, int attempt, long seed);

    [LoggerMessage(5, LogLevel.Information, "{Experiment} completed: {Metric} = {Score}")]
    public static partial void ExperimentCompleted(ILogger logger, string experiment, string metric, double? score);

    [LoggerMessage(6, LogLevel.Warning, "{Experiment} ended as {Outcome}: {Message}")]
    public static partial void ExperimentFailed(ILogger logger, string experiment, RunOutcome outcome, string? message);

    [LoggerMessage(7, LogLevel.Warning,
        "{Experiment} is tried again in {Delay} after a failure of the machine, {Retry} of {Retries}")]
    public static partial void Retrying(ILogger logger, string experiment, TimeSpan delay, int retry, int retries);

    [LoggerMessage(8, LogLevel.Information, "Trial {Trial} {Verdict}: {Reason}")]
    public static partial void Judged(ILogger logger, int trial, string verdict, string reason);

    [LoggerMessage(9, LogLevel.Information, "Incumbent {Version} is the candidate of trial {Trial}, {Candidate}")]
    public static partial void Advanced(ILogger logger, int version, int trial, string candidate);

    [LoggerMessage(10, LogLevel.Information, "Gain measured with fresh seeds: {Gain} [{Low}, {High}]")]
    public static partial void GainMeasured(ILogger logger, double gain, double low, double high);

    [LoggerMessage(11, LogLevel.Information, "Loop stopped ({Reason}): {Message}")]
    public static partial void Stopped(ILogger logger, StopReason reason, string message);

    [LoggerMessage(12, LogLevel.Warning, "The proposer failed, {Attempt} of {Attempts}")]
    public static partial void ProposerFailed(ILogger logger, Exception exception, int attempt, int attempts);

    [LoggerMessage(13, LogLevel.Error, "The acceptor failed on trial {Trial}")]
    public static partial void AcceptorFailed(ILogger logger, Exception exception, int trial);

    [LoggerMessage(14, LogLevel.Error,
        "The runner did not stop {Experiment} within {Grace} of its cancellation; it may still be running")]
    public static partial void RunnerIgnoresCancellation(ILogger logger, string experiment, TimeSpan grace);

    [LoggerMessage(15, LogLevel.Warning, "The runner threw during {Experiment}")]
    public static partial void RunnerThrew(ILogger logger, Exception exception, string experiment);

    [LoggerMessage(16, LogLevel.Information, "{Confirmed} of {Claims} kept changes confirmed with fresh seeds")]
    public static partial void ClaimsSettled(ILogger logger, int confirmed, int claims);

    [LoggerMessage(17, LogLevel.Information, "Trial {Trial} waits for approval to be {Stage}")]
    public static partial void ApprovalRequested(ILogger logger, int trial, string stage);

    [LoggerMessage(18, LogLevel.Information, "Trial {Trial} to be {Stage}: {Decision} by {By}: {Reason}")]
    public static partial void ApprovalDecided(
        ILogger logger, int trial, string stage, string decision, string by, string reason);

    [LoggerMessage(19, LogLevel.Warning, "The incumbent was reverted to version {To} by {By}, as version {Version}: {Reason}")]
    public static partial void Reverted(ILogger logger, int version, int to, string by, string reason);

    [LoggerMessage(20, LogLevel.Information, "{Experiment} ran in the sandbox: {Sandbox}")]
    public static partial void Sandboxed(ILogger logger, string experiment, string sandbox);

    [LoggerMessage(21, LogLevel.Information, "{Experiment} waits for a device: {Holders}")]
    public static partial void WaitingForDevice(ILogger logger, string experiment, string holders);

    private static string Word(ApprovalStage stage) => stage == ApprovalStage.Run ? "run" : "kept";

    /// <summary>The line that belongs to an event.</summary>
    public static void Write(ILogger logger, ResearchEvent e, ResearchHistory history)
    {
        if (e is ExperimentFinished { Result.Device: { } device } ended && device.TryGetValue("sandbox", out var sandbox))
            Sandboxed(logger, ended.ExperimentId, sandbox);
        switch (e)
        {
            case ApprovalRequested asked: ApprovalRequested(logger, asked.Trial, Word(asked.Stage)); break;
            case ApprovalDecided decided:
                ApprovalDecided(logger, decided.Trial, Word(decided.Stage), decided.Approved ? "approved" : "refused", decided.By,
                    decided.Reason);
                break;
            case IncumbentReverted reverted: Reverted(logger, reverted.Version, reverted.To, reverted.By, reverted.Reason); break;
            case LoopStarted started: Started(logger, started.Problem.Name, started.Seed); break;
            case LoopResumed resumed:
                Resumed(logger, history.Problem.Name, history.ExperimentsFinished, history.Trials.Count,
                    resumed.Interrupted.Count);
                break;
            case HypothesisProposed proposed: Proposed(logger, proposed.Trial, proposed.Hypothesis.Title); break;
            case ExperimentStarted { Experiment: var x }:
                ExperimentStarted(logger, x.Id, x.Purpose, x.Trial, x.Attempt, x.Seed);
                break;
            case ExperimentFinished { Result.Outcome: RunOutcome.Completed } finished:
                ExperimentCompleted(logger, finished.ExperimentId, history.Problem.Objective.Metric,
                    finished.Result.Score(history.Problem.Objective));
                break;
            case ExperimentFinished finished:
                ExperimentFailed(logger, finished.ExperimentId, finished.Result.Outcome, finished.Result.Message);
                break;
            case TrialJudged judged: Judged(logger, judged.Trial, judged.Verdict.GetType().Name, judged.Verdict.Reason); break;
            case IncumbentAdvanced advanced: Advanced(logger, advanced.Version, advanced.Trial, advanced.CandidateId); break;
            case ClaimsSettled { Claims: var claims }:
                ClaimsSettled(logger, claims.Confirmed.Count(), claims.Claims.Count);
                break;
            case GainMeasured { Gain: var gain }: GainMeasured(logger, gain.Gain, gain.Low, gain.High); break;
            case LoopStopped stopped: Stopped(logger, stopped.Reason, stopped.Message); break;
        }
    }
}
