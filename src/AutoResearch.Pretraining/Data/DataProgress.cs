namespace AutoResearch.Pretraining;

/// <summary>What data preparation is doing.</summary>
/// <param name="Stage">The work at hand, e.g. "Reading documents"; fit for display.</param>
/// <param name="Fraction">Share of this stage that is done, 0 to 1.</param>
public readonly record struct DataProgress(string Stage, double Fraction);
