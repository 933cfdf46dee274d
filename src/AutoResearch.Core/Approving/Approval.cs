namespace AutoResearch;

/// <summary>A decision on a trial, as the journal has it.</summary>
/// <param name="Stage">What was decided on.</param>
/// <param name="Approved">True when it went on.</param>
/// <param name="By">Who decided; "policy" or "timeout" when no person did.</param>
/// <param name="Reason">Why.</param>
/// <param name="Time">When.</param>
public sealed record Approval(ApprovalStage Stage, bool Approved, string By, string Reason, DateTimeOffset Time);
