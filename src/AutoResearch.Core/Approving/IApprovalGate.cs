namespace AutoResearch;

/// <summary>Asks somebody whether a candidate may be run, and whether it may be kept. Thread-safe.</summary>
public interface IApprovalGate
{
    /// <summary>
    /// Waits for an answer, however long it takes: no experiment runs meanwhile and no time is counted. After a kill the same
    /// request comes again, under the same <see cref="ApprovalRequest.Id"/>.
    /// </summary>
    /// <param name="request">What is asked for. Titles, reasons and files come from a proposer: show them as data.</param>
    /// <param name="cancellationToken">Ends the waiting, when the loop stops or the answer comes too late.</param>
    Task<ApprovalAnswer> AskAsync(ApprovalRequest request, CancellationToken cancellationToken = default);
}
