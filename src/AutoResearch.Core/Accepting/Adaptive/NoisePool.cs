namespace AutoResearch;

/// <summary>
/// The run-to-run variance: pooled over all configurations, and of one configuration as its own repeats correct the pool.
/// </summary>
/// <param name="priorRuns">How many runs' worth of trust the pool has against a configuration's own repeats.</param>
/// <param name="floor">The least variance: a metric without noise must not make every digit certain.</param>
internal sealed class NoisePool(double priorRuns, double floor)
{
    private readonly Dictionary<string, (int Runs, double Mean, double Squares)> _groups = new(StringComparer.Ordinal);
    private double _squares;

    /// <summary>Repeats seen: runs minus configurations.</summary>
    public int DegreesOfFreedom { get; private set; }

    /// <summary>
    /// The pooled variance of one run. With few repeats it is larger than the plain average, as the predictive variance of
    /// Student's t is. NaN (0/0) while nothing was repeated.
    /// </summary>
    public double Variance => Math.Max(floor, _squares / (DegreesOfFreedom > 3 ? DegreesOfFreedom - 2 : DegreesOfFreedom * 0.5));

    public void Add(string candidateId, double loss)
    {
        var (runs, mean, squares) = _groups.GetValueOrDefault(candidateId);
        var delta = loss - mean;
        mean += delta / (runs + 1);
        var added = delta * (loss - mean); // 0 for the first
        _groups[candidateId] = (runs + 1, mean, squares + added);
        _squares += added;
        if (runs > 0) DegreesOfFreedom++;
    }

    /// <summary>The variance of one run of a configuration.</summary>
    public double VarianceOf(string candidateId)
    {
        var (runs, _, squares) = _groups.GetValueOrDefault(candidateId);
        return Shrink(squares, runs);
    }

    /// <summary>The variance of one run of a configuration with these losses, which are not in the pool.</summary>
    public double VarianceOf(ReadOnlySpan<double> losses) => Shrink(Sample.Of(losses).Squares, losses.Length);

    private double Shrink(double squares, int runs)
    {
        var weight = Math.Min(priorRuns, DegreesOfFreedom);
        return ((weight * Variance) + squares) / (weight + Math.Max(0, runs - 1));
    }
}
