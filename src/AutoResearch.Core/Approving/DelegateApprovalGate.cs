namespace AutoResearch;

/// <summary>A gate made of a function, e.g. one that posts to a chat room and waits for a reaction.</summary>
public sealed class DelegateApprovalGate : IApprovalGate
{
    private readonly Func<ApprovalRequest, CancellationToken, Task<ApprovalAnswer>> _ask;

    /// <summary>Creates a gate.</summary>
    public DelegateApprovalGate(Func<ApprovalRequest, CancellationToken, Task<ApprovalAnswer>> ask) =>
        _ask = ask ?? throw new ArgumentNullException(nameof(ask));

    /// <inheritdoc/>
    public Task<ApprovalAnswer> AskAsync(ApprovalRequest request, CancellationToken cancellationToken = default) =>
        _ask(request, cancellationToken);
}
