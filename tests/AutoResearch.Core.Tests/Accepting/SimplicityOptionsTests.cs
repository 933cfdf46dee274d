namespace AutoResearch.Tests;

public sealed class SimplicityOptionsTests
{
    [Theory]
    [InlineData("SigmasPerLine", 0.0, true)]
    [InlineData("SigmasPerLine", -0.1, false)]
    [InlineData("SigmasPerLine", double.PositiveInfinity, false)]
    [InlineData("FreeLines", 0, true)]
    [InlineData("FreeLines", -1, false)]
    [InlineData("LeastRemoved", 1, true)]
    [InlineData("LeastRemoved", 0, false)]
    [InlineData("MarginSigmas", 0.1, true)]
    [InlineData("MarginSigmas", 0.0, false)]
    [InlineData("MarginSigmas", double.PositiveInfinity, false)]
    [InlineData("Confidence", 0.51, true)]
    [InlineData("Confidence", 0.5, false)]
    [InlineData("Confidence", 1.0, false)]
    [InlineData("MaxRunsPerArm", 2, true)]
    [InlineData("MaxRunsPerArm", 1, false)]
    public void Constructor_Option_IsTakenOrRefusedByName(string name, object value, bool allowed) =>
        OptionValues.Check(new SimplicityOptions(), name, value, allowed, o => _ = new SimplicityRule(new GreedyRatchet(), o));
}
