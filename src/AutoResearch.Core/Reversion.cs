namespace AutoResearch;

/// <summary>That an incumbent is an earlier one again.</summary>
/// <param name="To">The version that it is a copy of.</param>
/// <param name="By">Who has undone what came after it.</param>
/// <param name="Reason">Why.</param>
public sealed record Reversion(int To, string By, string Reason);
