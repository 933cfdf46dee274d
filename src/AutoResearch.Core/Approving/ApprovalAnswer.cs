namespace AutoResearch;

/// <summary>The answer to a request.</summary>
/// <param name="Approved">True to go on.</param>
/// <param name="By">Who decided, e.g. a person's name.</param>
/// <param name="Reason">Why; may be empty.</param>
public sealed record ApprovalAnswer(bool Approved, string By, string Reason);
