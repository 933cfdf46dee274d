namespace AutoResearch;

/// <summary>
/// An acceptor around another one: the base of decorators that log, veto, or tighten a verdict. Passes everything through.
/// </summary>
/// <param name="inner">The acceptor that is asked.</param>
public abstract class DelegatingAcceptor(IRatchetAcceptor inner) : IRatchetAcceptor
{
    /// <summary>The acceptor that is asked.</summary>
    protected IRatchetAcceptor Inner { get; } = inner ?? throw new ArgumentNullException(nameof(inner));

    /// <inheritdoc/>
    public virtual ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default) =>
        Inner.JudgeAsync(comparison, cancellationToken);
}
