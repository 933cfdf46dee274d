namespace AutoResearch;

/// <summary>What is done with a kind of change. The strictest rule among the changes of a candidate decides.</summary>
public enum ApprovalRule
{
    /// <summary>It goes on without asking.</summary>
    Allow,

    /// <summary>The gate is asked.</summary>
    Ask,

    /// <summary>It is refused without asking.</summary>
    Deny,
}
