namespace AutoResearch.Tests;

public sealed class AuditLookTests
{
    [Theory]
    [InlineData(1.0, 1)] // the same
    [InlineData(2.0, 1)] // even more
    [InlineData(0.75, 1)]
    [InlineData(0.2, 0)]
    [InlineData(-1.0, 0)]
    public void Take_ManyLooks_AgreeBeyondTheThresholdOnly(double audit, int agrees)
    {
        var share = Enumerable.Range(0, 500).Count(seed => AuditLook.Take(1, audit, 0.5, 0, new Random(seed), 7).Agrees) / 500.0;
        Assert.InRange(share, agrees - 0.05, agrees + 0.05);
    }

    [Fact]
    public void Take_DifferencesOfChance_AreNoReasonToDoubt()
    {
        var look = AuditLook.Take(0.01, -0.01, 0.5, sigma: 0.02, new Random(1), 1);
        Assert.True(look.Agrees);
    }

    [Fact]
    public void Take_SameLot_GivesTheSameAnswer() =>
        Assert.Equal(AuditLook.Take(1, 0, 0.5, 0, new Random(3), 1).Gain, AuditLook.Take(1, 0, 0.5, 0, new Random(3), 1).Gain);
}
