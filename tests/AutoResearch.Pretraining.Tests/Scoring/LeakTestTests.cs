namespace AutoResearch.Pretraining.Tests;

public sealed class LeakTestTests
{
    /// <summary>Whatever an honest model believes, lots that it cannot see hardly ever make a player rich.</summary>
    [Fact]
    public void Leaks_HonestModels_Never()
    {
        for (var seed = 0; seed < 2000; seed++)
        {
            var (random, test) = (new Random(seed), new LeakTest());
            for (var i = 0; i < 200; i++)
            {
                // q is skewed; the model is sure of one token, wrongly or not, and gives the rest evenly.
                var q = Enumerable.Range(0, 20).Select(v => Math.Pow(0.7, v)).ToArray();
                var sum = q.Sum();
                var (u, token) = (random.NextDouble() * sum, 0);
                while ((u -= q[token]) > 0 && token < 19) token++;
                var sure = random.Next(20);
                test.Add(token == sure ? 0.9 : 0.1 / 19, q[token] / sum);
            }

            Assert.False(test.Leaks, $"seed {seed}: {test.Capital}");
        }
    }

    [Theory]
    [InlineData(1.0, 8)]
    [InlineData(0.3, 40)]
    [InlineData(0.1, 120)]
    public void Leaks_ModelThatSeesAShareOfTheLots_IsFound(double share, int lots)
    {
        var (random, test) = (new Random(1), new LeakTest());
        for (var i = 0; i < lots; i++) test.Add(random.NextDouble() < share ? 0.9 : 0.001, 0.01);
        Assert.True(test.Leaks, $"{test.Capital}");
    }

    [Fact]
    public void Add_ImpossibleToken_DoesNotEndTheGame()
    {
        var test = new LeakTest();
        test.Add(0, 0.5);
        Assert.InRange(test.Capital, 0.1, 1);
        for (var i = 0; i < 5000; i++) test.Add(1, 1e-6);
        Assert.True(double.IsFinite(test.Capital));
    }
}
