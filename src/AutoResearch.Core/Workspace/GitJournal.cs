namespace AutoResearch;

/// <summary>
/// A journal whose keeps become commits. The journal comes first; a commit that is missing after a kill is made when the loop
/// goes on, since every event is followed by a comparison of both where it matters.
/// </summary>
internal sealed class GitJournal(IJournal inner, GitWorkspace workspace) : IJournal
{
    public ResearchHistory History => inner.History;

    public async ValueTask AppendAsync(ResearchEvent researchEvent, CancellationToken cancellationToken)
    {
        if (researchEvent is LoopStarted started) workspace.CheckBaseline(started.Problem);
        await inner.AppendAsync(researchEvent, cancellationToken).ConfigureAwait(false);
        if (researchEvent is LoopResumed or IncumbentAdvanced or IncumbentReverted)
            await workspace.SynchronizeAsync(History, cancellationToken).ConfigureAwait(false);
        if (researchEvent is TrialJudged or ExperimentFinished or IncumbentAdvanced or IncumbentReverted or LoopStopped)
            await workspace.WriteResultsAsync(History, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
