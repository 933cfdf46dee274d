namespace AutoResearch;

/// <summary>The requests of one session that wait for an answer.</summary>
internal sealed class ApprovalDesk(ResearchLoopConfiguration configuration, WakeSignal wake, CancellationToken cancellationToken)
{
    private readonly List<(int Trial, ApprovalStage Stage, Task<ApprovalAnswer?> Answer)> _open = [];

    private ApprovalPolicy Policy => configuration.Approvals;

    /// <summary>Trials whose requests wait.</summary>
    public IReadOnlyCollection<int> Waiting => [.. _open.Select(o => o.Trial)];

    /// <summary>What is asked about a trial.</summary>
    public static ApprovalRequest Request(ResearchHistory history, Trial trial, ApprovalStage stage) => new()
    {
        Problem = history.Problem,
        Stage = stage,
        Trial = trial,
        Changes = ProposedChange.Between(history.FindCandidate(trial.Hypothesis.ParentId) ?? history.Problem.Baseline,
            trial.Candidate!),
        Verdict = trial.HeldVerdict,
    };

    /// <summary>
    /// The answer that needs nobody: the policy's, or the one for the same change on another incumbent; null when
    /// somebody has to be asked.
    /// </summary>
    public ApprovalAnswer? WithoutAsking(ResearchHistory history, ApprovalRequest request)
    {
        var (rule, reason) = Policy.Decide(request);
        if (rule != ApprovalRule.Ask) return new(rule == ApprovalRule.Allow, "policy", reason);
        return request.Stage == ApprovalStage.Run && request.Trial.Hypothesis.RebaseOf is { } original
            && history.Trial(original).ApprovalOf(ApprovalStage.Run) is { Approved: true } earlier
            ? new(true, earlier.By, FormattableString.Invariant($"approved as trial {original}: {earlier.Reason}"))
            : null;
    }

    /// <summary>Asks, in the background.</summary>
    public void Ask(ApprovalRequest request)
    {
        var answer = Task.Run(() => AnswerAsync(request), CancellationToken.None);
        _open.Add((request.Trial.Number, request.Stage, answer));
        answer.ContinueWith(_ => wake.Set(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <summary>The next answer that is there; null while there is none.</summary>
    public (int Trial, ApprovalStage Stage, Task<ApprovalAnswer?> Answer)? Take()
    {
        var at = _open.FindIndex(o => o.Answer.IsCompleted);
        if (at < 0) return null;
        var taken = _open[at];
        _open.RemoveAt(at);
        return taken;
    }

    /// <summary>Waits until nobody is asked any more, after the session was cancelled.</summary>
    public async ValueTask EndAsync()
    {
        Task all = Task.WhenAll(_open.Select(o => o.Answer))
            .WaitAsync(configuration.Options.CancellationGrace, configuration.TimeProvider);
        await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _open.Clear();
    }

    /// <summary>The gate's answer; null when the loop has to stop because nobody answered in time.</summary>
    private async Task<ApprovalAnswer?> AnswerAsync(ApprovalRequest request)
    {
        using var late = Policy.Timeout is { } timeout
            ? new CancellationTokenSource(timeout, configuration.TimeProvider)
            : new CancellationTokenSource();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            var answer = await configuration.Gate!.AskAsync(request, end.Token).WaitAsync(end.Token).ConfigureAwait(false);
            return answer ?? throw new InvalidOperationException("The gate gave no answer.");
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return Policy.OnTimeout == ApprovalTimeoutAction.Stop
                ? null
                : new(false, "timeout", $"nobody answered within {Policy.Timeout}");
        }
    }
}
