namespace AutoResearch;

/// <summary>
/// Random search: uniform over the search space (Bergstra and Bengio 2012). Needs no history, so it is the yardstick for
/// everything cleverer.
/// </summary>
/// <remarks>
/// Candidates that were proposed before are not proposed again. It returns null when a finite space has no point left.
/// Thread-safe; the proposal is a function of the state alone.
/// </remarks>
public sealed class RandomProposer : IHypothesisProposer
{
    private const int MaxDraws = 100;
    private readonly SearchSpace? _space;

    /// <summary>Creates a proposer.</summary>
    /// <param name="space">The space; null for the problem's.</param>
    public RandomProposer(SearchSpace? space = null) => _space = space;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">There is no search space.</exception>
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        cancellationToken.ThrowIfCancellationRequested();
        var space = Proposal.SpaceOf(_space, state, nameof(RandomProposer));
        var random = state.CreateRandom("random");
        var tried = Proposal.TriedIn(state);
        Candidate? candidate = null;
        for (var draw = 0; draw < MaxDraws && candidate is null; draw++)
        {
            var drawn = Proposal.Move(state.Incumbent.Candidate, space, space.Sample(random));
            if (!tried.Contains(drawn.Id)) candidate = drawn;
        }
        candidate ??= Proposal.AnyUntried(state, space, tried, random);
        return ValueTask.FromResult(
            candidate is null ? null : Proposal.Create(state, candidate, "random", "Drawn uniformly from the search space."));
    }
}
