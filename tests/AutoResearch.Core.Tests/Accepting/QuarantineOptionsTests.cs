namespace AutoResearch.Tests;

public sealed class QuarantineOptionsTests
{
    [Theory]
    [InlineData("Factor", 1.0, true)]
    [InlineData("Factor", 0.9, false)]
    [InlineData("Factor", double.PositiveInfinity, false)]
    [InlineData("LeastHistory", 1, true)]
    [InlineData("LeastHistory", 0, false)]
    [InlineData("Share", 0.001, true)]
    [InlineData("Share", 0.0, false)]
    [InlineData("Share", double.PositiveInfinity, false)]
    [InlineData("MaxLooks", 0, true)]
    [InlineData("MaxLooks", -1, false)]
    [InlineData("Agreement", 1.0, true)]
    [InlineData("Agreement", 1.1, false)]
    [InlineData("Agreement", 0.0, false)]
    [InlineData("AuditEveryKeep", false, true)]
    [InlineData("AuditEveryKeep", true, false)] // there is no seal
    public void Constructor_Option_IsTakenOrRefusedByName(string name, object value, bool allowed) =>
        OptionValues.Check(new QuarantineOptions(), name, value, allowed, o => _ = new QuarantineRatchet(new GreedyRatchet(), o));

    [Fact]
    public void Constructor_AuditOfEveryKeepWithASeal_IsTaken() =>
        _ = new QuarantineRatchet(new GreedyRatchet(), new() { AuditEveryKeep = true, Seal = AuditSeal.Create() });
}
