namespace AutoResearch;

/// <summary>A proposer from a function: the shortest way to plug in one's own.</summary>
public sealed class DelegateProposer : IHypothesisProposer
{
    private readonly Func<ResearchState, CancellationToken, ValueTask<Hypothesis?>> _propose;

    /// <summary>Creates a proposer.</summary>
    /// <param name="propose">Returns a hypothesis, or null when there is nothing left to try.</param>
    public DelegateProposer(Func<ResearchState, CancellationToken, ValueTask<Hypothesis?>> propose) =>
        _propose = propose ?? throw new ArgumentNullException(nameof(propose));

    /// <summary>Creates a proposer from a function that needs no waiting.</summary>
    /// <param name="propose">Returns a hypothesis, or null when there is nothing left to try.</param>
    public DelegateProposer(Func<ResearchState, Hypothesis?> propose)
        : this((state, _) => ValueTask.FromResult(propose(state))) => ArgumentNullException.ThrowIfNull(propose);

    /// <inheritdoc/>
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        return _propose(state, cancellationToken);
    }
}
