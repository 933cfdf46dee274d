namespace AutoResearch;

/// <summary>Count, mean and sum of squared deviations of some scores.</summary>
internal readonly record struct Sample(int Count, double Mean, double Squares)
{
    public double Variance => Count > 1 ? Squares / (Count - 1) : double.NaN;

    public static Sample Of(ReadOnlySpan<double> values)
    {
        var (mean, squares) = (0.0, 0.0);
        for (var i = 0; i < values.Length; i++)
        {
            var delta = values[i] - mean;
            mean += delta / (i + 1);
            squares += delta * (values[i] - mean);
        }
        return new(values.Length, mean, squares);
    }

    public static Sample Of(IEnumerable<Run> runs, Objective objective) =>
        Of([.. runs.Select(r => r.Result.Score(objective)).OfType<double>()]);

    /// <summary>
    /// Half the width of the confidence interval of the difference of two means with unequal variances (Welch 1947); 0 with
    /// fewer than two scores in an arm.
    /// </summary>
    public static double WelchHalfWidth(Sample a, Sample b, double confidence)
    {
        var (va, vb) = (a.Variance / a.Count, b.Variance / b.Count);
        var sum = va + vb;
        if (!(sum > 0)) return 0; // no spread, or NaN for an arm without a variance
        var degreesOfFreedom = sum * sum / ((va * va / (a.Count - 1)) + (vb * vb / (b.Count - 1)));
        return StudentT.Quantile(0.5 + (confidence / 2), degreesOfFreedom) * Math.Sqrt(sum);
    }
}
