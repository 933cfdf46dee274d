namespace AutoResearch;

/// <summary>
/// A proposer around another one: the base of decorators that filter, log or enrich proposals. Passes everything through.
/// </summary>
/// <param name="inner">The proposer that is asked.</param>
public abstract class DelegatingProposer(IHypothesisProposer inner) : IHypothesisProposer
{
    /// <summary>The proposer that is asked.</summary>
    protected IHypothesisProposer Inner { get; } = inner ?? throw new ArgumentNullException(nameof(inner));

    /// <inheritdoc/>
    public virtual ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default) =>
        Inner.ProposeAsync(state, cancellationToken);
}
