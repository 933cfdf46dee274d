namespace AutoResearch.Samples.TuneKernels;

/// <summary>
/// How much time one side takes relative to the other, from rounds in which both were measured next to each other. A shared
/// machine changes its speed from second to second, but within a round it changes for both.
/// </summary>
internal sealed class PairedRatios
{
    private readonly List<double> _logarithms = [];

    /// <summary>Rounds so far.</summary>
    public int Count => _logarithms.Count;

    /// <summary>Typical ratio: the median, which one disturbed round does not move.</summary>
    public double Median => Math.Exp(Middle(_logarithms));

    /// <summary>Adds a round.</summary>
    /// <param name="time">Time of the side in question.</param>
    /// <param name="control">Time of the other side.</param>
    public void Add(double time, double control)
    {
        if (!(time > 0 && control > 0)) throw new ArgumentException($"Times must be positive, but are {time} and {control}.");
        _logarithms.Add(Math.Log(time / control));
    }

    /// <summary>
    /// Interval that holds the true median with at least 95 % probability, whatever the distribution: order statistics.
    /// </summary>
    /// <exception cref="InvalidOperationException">There are fewer than six rounds: even the extremes are not
    /// sure enough.</exception>
    public (double Low, double High) Interval()
    {
        // P(fewer than k of n fall below the median) for a fair coin; the largest k that leaves 2.5 % on each side.
        var n = _logarithms.Count;
        var (tail, term, k) = (0.0, Math.Pow(0.5, n), 0);
        while (tail + term <= 0.025)
        {
            tail += term;
            k++;
            term *= (n - k + 1.0) / k;
        }

        if (k == 0) throw new InvalidOperationException($"{n} rounds are too few for an interval of 95 %; six are needed.");
        var sorted = _logarithms.Order().ToArray();
        return (Math.Exp(sorted[k - 1]), Math.Exp(sorted[n - k]));
    }

    private static double Middle(List<double> values)
    {
        if (values.Count == 0) throw new InvalidOperationException("There is no round yet.");
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
