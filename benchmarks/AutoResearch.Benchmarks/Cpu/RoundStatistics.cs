namespace AutoResearch.Benchmarks.Cpu;

/// <summary>What the rounds of one comparison say.</summary>
/// <param name="Ours">Median of our values.</param>
/// <param name="Theirs">Median of theirs.</param>
/// <param name="Ratio">Median of the ratios of the rounds: both sides of a ratio were measured next to each other.</param>
/// <param name="LowRatio">First quartile of these ratios.</param>
/// <param name="HighRatio">Third quartile.</param>
/// <param name="Rounds">Rounds in which both were measured.</param>
internal readonly record struct RoundStatistics(
    double Ours, double Theirs, double Ratio, double LowRatio, double HighRatio, int Rounds)
{
    /// <summary>Summarises rounds.</summary>
    /// <exception cref="ArgumentException">There is no round.</exception>
    public static RoundStatistics Of(IReadOnlyCollection<(double Ours, double Theirs)> rounds)
    {
        if (rounds.Count == 0) throw new ArgumentException("A comparison needs at least one round.", nameof(rounds));
        var ratios = rounds.Select(r => r.Ours / r.Theirs).ToArray();
        return new(
            Quantile([.. rounds.Select(r => r.Ours)], 0.5), Quantile([.. rounds.Select(r => r.Theirs)], 0.5),
            Quantile(ratios, 0.5), Quantile(ratios, 0.25), Quantile(ratios, 0.75), rounds.Count);
    }

    /// <summary>The quantile of a sample, linear between its order statistics.</summary>
    public static double Quantile(double[] values, double share)
    {
        var sorted = values.Order().ToArray();
        var at = share * (sorted.Length - 1);
        var below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + ((at - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }
}
