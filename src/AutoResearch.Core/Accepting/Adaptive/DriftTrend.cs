namespace AutoResearch;

/// <summary>
/// How the loss of one and the same candidate moves with the number of runs: a straight line through its runs (sentinels), in
/// which those long ago count less. Few runs say little.
/// </summary>
internal readonly record struct DriftTrend
{
    private const double HalfLife = 250; // runs after which a run counts half
    private const double Typical = 0.02; // prior standard deviation of the drift of one run, in units of the noise

    private const double DriftShare = 0.25; // of machines, before anything is seen

    private double Weight { get; init; }

    private double Time { get; init; }

    private double Loss { get; init; }

    private double TimeSquares { get; init; }

    private double Products { get; init; }

    /// <summary>The run that was added last.</summary>
    public int Last { get; private init; }

    /// <summary>With one more run of the candidate.</summary>
    /// <param name="run">Its place in the order of all runs, after the others.</param>
    /// <param name="loss">Its loss.</param>
    public DriftTrend With(int run, double loss)
    {
        var keep = Math.Pow(2, -Math.Max(0, run - Last) / HalfLife);
        var old = keep * Weight;
        var weight = old + 1;
        var (time, value) = (run - Time, loss - Loss);
        return new()
        {
            Weight = weight,
            Time = Time + (time / weight),
            Loss = Loss + (value / weight),
            TimeSquares = (keep * TimeSquares) + (old * time * time / weight),
            Products = (keep * Products) + (old * time * value / weight),
            Last = run,
        };
    }

    /// <summary>
    /// The expected change of the loss per run and the variance about the true one. Most machines do not drift: that is weighed
    /// against a drift of the usual size by what the runs say.
    /// </summary>
    /// <param name="runVariance">The variance of one run.</param>
    public (double Slope, double Variance) Drift(double runVariance)
    {
        if (!(runVariance > 0)) return (0, 0);
        var variance = 1 / (TimeSquares + (1 / (Typical * Typical))); // in units of the run's variance
        var slope = Products * variance;
        var evidence = 0.5 * ((Products * slope / runVariance) - Math.Log(1 + (TimeSquares * Typical * Typical)));
        var drifts = DriftShare / (DriftShare + ((1 - DriftShare) * Math.Exp(-evidence)));
        return (drifts * slope, drifts * ((variance * runVariance) + ((1 - drifts) * slope * slope)));
    }
}
