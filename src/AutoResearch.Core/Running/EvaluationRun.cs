namespace AutoResearch;

/// <summary>The training and the evaluation of one attempt, with what is compared before, between and after.</summary>
/// <param name="evaluator">The evaluator.</param>
/// <param name="trusted">What the score depends on, as it was when the runner was created.</param>
internal sealed class EvaluationRun(EvaluatorCommand evaluator, TrustedFiles trusted)
{
    /// <summary>Runs both.</summary>
    /// <param name="runDirectory">The training's directory.</param>
    /// <param name="train">Runs the training.</param>
    /// <param name="evaluate">Runs the evaluator on an artifact.</param>
    public async Task<RunResult> RunAsync(
        string runDirectory, Func<Task<RunResult>> train, Func<EvaluationArtifact, Task<RunResult>> evaluate)
    {
        // Not this candidate's doing; it is not to be blamed, and nothing is to be compared with what came before.
        if (Changed() is { } before)
            return RunResult.Failure(RunOutcome.InfrastructureFailure,
                $"{before} since the loop began, so that scores cannot be compared. Restore it, or begin a new loop.");
        if (Path.Exists(Path.Combine(runDirectory, evaluator.Artifact)))
            return RunResult.Failure(RunOutcome.Invalid,
                $"'{evaluator.Artifact}' is there before the training, and could be taken for its result. "
                + "Take it out of the candidate's files.");
        var training = await train().ConfigureAwait(false);
        // What the training says of itself counts for nothing.
        training = training with { Metrics = new Dictionary<string, double>() };
        if (Changed() is { } between) return Tampered(training, between, "during the training");
        if (training.Outcome != RunOutcome.Completed) return training;
        if (EvaluationArtifact.Problem(runDirectory, evaluator) is { } problem)
            return training with { Outcome = RunOutcome.Invalid, Message = $"There is nothing to evaluate: {problem}." };
        EvaluationArtifact artifact;
        try
        {
            artifact = EvaluationArtifact.Take(runDirectory, evaluator);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return training with
            {
                Outcome = RunOutcome.InfrastructureFailure,
                Message = $"The artifact could not be moved to the evaluator: {e.Message}",
            };
        }

        using (artifact)
        {
            var evaluation = await evaluate(artifact).ConfigureAwait(false);
            if (Changed() is { } after) return Tampered(training, after, "during the evaluation");
            return Combined(training, evaluation, artifact.Hash);
        }
    }

    private string? Changed() => trusted.FirstDifference(TrustedFiles.Read(evaluator.Trusted));

    private static RunResult Tampered(RunResult training, string what, string when) =>
        training with
        {
            Outcome = RunOutcome.Invalid,
            Message = $"What the score depends on is not the candidate's to change: {what} {when}.",
        };

    private RunResult Combined(RunResult training, RunResult evaluation, string artifact)
    {
        var hashes = new Dictionary<string, string>(training.Hashes ?? new Dictionary<string, string>(), StringComparer.Ordinal)
        {
            ["artifact"] = artifact,
            ["evaluator"] = trusted.Digest(),
        };
        return training with
        {
            // An evaluator that fails has met an artifact that it cannot use; the machine's own failures stay that.
            Outcome = evaluation.Outcome == RunOutcome.Crashed ? RunOutcome.Invalid : evaluation.Outcome,
            Message = evaluation.Message is { } message ? $"The evaluator: {message}" : null,
            Metrics = evaluation.Metrics,
            Hashes = hashes,
            LogTail = $"{training.LogTail}\n--- evaluator\n{evaluation.LogTail}",
            Usage = training.Usage with
            {
                WallTime = training.Usage.WallTime + evaluation.Usage.WallTime,
                CpuTime = Sum(training.Usage.CpuTime, evaluation.Usage.CpuTime),
            },
        };
    }

    private static TimeSpan? Sum(TimeSpan? a, TimeSpan? b) => a is null ? b : b is null ? a : a + b;
}
