namespace AutoResearch;

/// <summary>What happens when nobody answers in time.</summary>
public enum ApprovalTimeoutAction
{
    /// <summary>The candidate is refused, and the loop goes on.</summary>
    Deny,

    /// <summary>The loop stops with <see cref="StopReason.AwaitingApproval"/>; resumed, it asks again.</summary>
    Stop,
}
