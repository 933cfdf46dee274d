namespace AutoResearch;

/// <summary>What fresh runs say of one kept change: the final candidate with it against the same without it.</summary>
/// <param name="Trial">The trial that brought the change.</param>
/// <param name="Status">What was shown.</param>
/// <param name="Pairs">Pairs of fresh runs with the same seed, one of each arm.</param>
/// <param name="Gain">Mean gain of the pairs, in the objective's unit; positive is better. 0 without pairs.</param>
/// <param name="EValue">
/// The evidence: at any time its expected value is at most 1 if the change does nothing or harm. Large is convincing.
/// </param>
/// <param name="IsAblation">
/// True when the change was taken out of the final candidate; false when it could not be taken out alone and the candidates
/// before and after it were compared instead.
/// </param>
public sealed record Claim(int Trial, ClaimStatus Status, int Pairs, double Gain, double EValue, bool IsAblation);
