namespace AutoResearch.Tests;

public sealed class SignedEvidenceTests
{
    private const int Searches = 20_000;

    [Theory]
    [InlineData(0, 1)] // no effect, normal noise
    [InlineData(-0.3, 1)] // harm
    [InlineData(0, 3)] // no effect, noise with heavy tails
    public void Value_NullIsTrue_RarelyExceedsTwentyAtAnyTime(double gain, double tails)
    {
        var random = new Random(3);
        var exceeded = 0;
        for (var i = 0; i < Searches; i++)
        {
            // A small bet: one that saw the pair first would follow it
            var evidence = new SignedEvidence(expectedGain: 0.1, pairVariance: 1);
            var highest = 0.0;
            for (var pair = 0; pair < 20; pair++)
            {
                var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                evidence.Add(gain + (Math.Sign(normal) * Math.Pow(Math.Abs(normal), tails)));
                highest = Math.Max(highest, evidence.Value);
            }
            if (highest >= 20) exceeded++;
        }
        Assert.InRange((double)exceeded / Searches, 0, 0.05); // Ville's inequality
    }

    [Fact]
    public void Value_ClearGain_DoublesWithEveryPair()
    {
        var evidence = new SignedEvidence(10, 1);
        for (var i = 0; i < 5; i++) evidence.Add(10);
        Assert.Equal(32, evidence.Value, 3);
        Assert.Equal((5, 10.0), (evidence.Pairs, evidence.Mean));
    }

    [Fact]
    public void Value_NoNoise_CountsSigns()
    {
        var evidence = new SignedEvidence(0, 0);
        evidence.Add(1e-9);
        Assert.Equal(2, evidence.Value, 9);
        evidence.Add(0);
        Assert.Equal(2, evidence.Value, 9);
        evidence.Add(-1e-9);
        Assert.Equal(0, evidence.Value, 9);
    }
}
