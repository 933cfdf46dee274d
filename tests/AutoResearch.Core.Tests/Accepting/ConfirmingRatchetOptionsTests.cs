namespace AutoResearch.Tests;

public sealed class ConfirmingRatchetOptionsTests
{
    [Theory]
    [InlineData("CandidateRuns", 1, true)]
    [InlineData("CandidateRuns", 0, false)]
    [InlineData("ControlRuns", 0, true)]
    [InlineData("ControlRuns", -1, false)]
    [InlineData("StandardErrors", 0.0, true)]
    [InlineData("StandardErrors", 9.9, true)]
    [InlineData("StandardErrors", 10.0, false)]
    [InlineData("StandardErrors", -0.1, false)]
    [InlineData("ScreeningMargin", -2.0, true)] // lets worse scores through
    [InlineData("ScreeningMargin", double.PositiveInfinity, false)]
    [InlineData("NoisePriorRuns", 0.1, true)]
    [InlineData("NoisePriorRuns", 0.0, false)]
    [InlineData("NoisePriorRuns", 1e6, false)]
    public void Constructor_Option_IsTakenOrRefusedByName(string name, object value, bool allowed) =>
        OptionValues.Check(new ConfirmingRatchetOptions(), name, value, allowed, o => _ = new ConfirmingRatchet(o));
}
