namespace AutoResearch.Tests;

public sealed class AdaptiveRatchetOptionsTests
{
    [Theory]
    [InlineData("SentinelEvery", 0, true)]
    [InlineData("SentinelEvery", -1, false)]
    [InlineData("NoiseRuns", 3, true)]
    [InlineData("NoiseRuns", 2, false)]
    [InlineData("Probability", 0.5, true)]
    [InlineData("Probability", 0.49, false)]
    [InlineData("Probability", 1.0, false)]
    [InlineData("MaxRuns", 2, true)]
    [InlineData("MaxRuns", 1, false)]
    [InlineData("NoisePriorRuns", 0.1, true)]
    [InlineData("NoisePriorRuns", 0.0, false)]
    [InlineData("NoisePriorRuns", 1e6, false)]
    [InlineData("GainShare", 0.7, true)]
    [InlineData("GainShare", 0.0, false)]
    [InlineData("GainShare", 1.0, false)]
    [InlineData("NullShare", 0.0, true)]
    [InlineData("NullShare", 0.9, true)]
    [InlineData("NullShare", 0.92, false)] // with a GainShare of 0.08 no share is left for harms
    [InlineData("NullShare", -0.1, false)]
    [InlineData("PriorTrials", 1.0, true)]
    [InlineData("PriorTrials", 0.0, false)]
    [InlineData("PriorTrials", 1e6, false)]
    public void Constructor_Option_IsTakenOrRefusedByName(string name, object value, bool allowed) =>
        OptionValues.Check(new AdaptiveRatchetOptions(), name, value, allowed, o => _ = new AdaptiveRatchet(o));
}
