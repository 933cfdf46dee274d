namespace AutoResearch.Tests;

public sealed class NoisePoolTests
{
    /// <summary>
    /// Squares of 2 and 8 about the means of two configurations, with 1 and 2 degrees of freedom; a third one ran once.
    /// </summary>
    private static NoisePool Pool(double priorRuns = 8, double floor = 0)
    {
        var pool = new NoisePool(priorRuns, floor);
        foreach (var (id, loss) in (ReadOnlySpan<(string, double)>)[("a", 1), ("b", 10), ("a", 3), ("b", 14), ("c", 100),
            ("b", 12)])
            pool.Add(id, loss);
        return pool;
    }

    [Fact]
    public void Variance_Repeats_PooledWithinConfigurations()
    {
        var pool = Pool();
        Assert.Equal(3, pool.DegreesOfFreedom);
        Assert.Equal(10 / 1.5, pool.Variance, 12); // few repeats: as wide as Student's t would be
        pool.Add("a", 2);
        Assert.Equal(10.0 / 2, pool.Variance, 12); // from four on, by two degrees of freedom less
    }

    [Fact]
    public void Variance_NothingRepeated_IsUnknown()
    {
        var pool = new NoisePool(8, 0);
        pool.Add("a", 1);
        pool.Add("b", 2);
        Assert.Equal(double.NaN, pool.Variance);
        Assert.Equal(0, pool.DegreesOfFreedom);
    }

    [Fact]
    public void Variance_MetricWithoutNoise_IsTheFloor()
    {
        var pool = new NoisePool(8, 0.25);
        for (var i = 0; i < 9; i++) pool.Add("a", 1);
        Assert.Equal(0.25, pool.Variance);
        Assert.Equal(10 / 1.5, Pool(floor: 0.25).Variance, 12);
    }

    [Fact]
    public void VarianceOf_Configuration_PoolCorrectedByItsOwnRepeats()
    {
        var (pool, pooled) = (Pool(), 10 / 1.5);
        Assert.Equal(((3 * pooled) + 2) / (3 + 1), pool.VarianceOf("a"), 12);
        Assert.Equal(((3 * pooled) + 8) / (3 + 2), pool.VarianceOf("b"), 12); // the pool counts for no more repeats than it holds
        Assert.Equal(((2 * pooled) + 8) / (2 + 2), Pool(priorRuns: 2).VarianceOf("b"), 12);
        Assert.Equal(pooled, pool.VarianceOf("c"), 12);
        Assert.Equal(pooled, pool.VarianceOf("never ran"), 12);
    }

    [Fact]
    public void VarianceOf_RunsOutsideThePool_AreTakenLikeItsOwn()
    {
        var (pool, pooled) = (Pool(), 10 / 1.5);
        Assert.Equal(((3 * pooled) + 8) / (3 + 2), pool.VarianceOf([10, 14, 12]), 12);
        Assert.Equal(pooled, pool.VarianceOf([7.0]), 12);
    }
}
