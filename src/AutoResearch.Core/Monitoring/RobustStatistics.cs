namespace AutoResearch;

/// <summary>Statistics that a few wild values do not move.</summary>
internal static class RobustStatistics
{
    /// <summary>The median; sorts the values in place. NaN of none.</summary>
    public static double Median(Span<double> values)
    {
        if (values.IsEmpty) return double.NaN;
        values.Sort();
        var half = values.Length / 2;
        return values.Length % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
    }

    /// <summary>
    /// The median, and the median absolute deviation scaled to the standard deviation of normal values. Sorts in place.
    /// </summary>
    public static (double Median, double Deviation) MedianAndDeviation(Span<double> values)
    {
        var median = Median(values);
        for (var i = 0; i < values.Length; i++) values[i] = Math.Abs(values[i] - median);
        return (median, 1.4826 * Median(values));
    }

    /// <summary>
    /// The probability of a sum of positive ranks at least as large as that of these differences if they were symmetric about
    /// zero: the signed-rank test (Wilcoxon 1945), exact, zeros left out, ties with mean ranks. 1 when nothing is left.
    /// </summary>
    /// <param name="differences">At most 60 differences.</param>
    public static double SignedRank(ReadOnlySpan<double> differences)
    {
        var values = new List<double>();
        foreach (var d in differences)
        {
            if (d != 0) values.Add(d);
        }
        if (values.Count == 0) return 1;
        values.Sort((a, b) => Math.Abs(a).CompareTo(Math.Abs(b)));
        // Twice the ranks, so that mean ranks of ties stay whole numbers.
        var ranks = new int[values.Count];
        for (var i = 0; i < ranks.Length;)
        {
            var end = i;
            while (end + 1 < ranks.Length && Math.Abs(values[end + 1]) == Math.Abs(values[i])) end++;
            for (var j = i; j <= end; j++) ranks[j] = i + end + 2;
            i = end + 1;
        }
        var positive = 0;
        for (var i = 0; i < ranks.Length; i++)
        {
            if (values[i] > 0) positive += ranks[i];
        }
        // Every set of signs is equally likely: count the sums.
        var share = new double[ranks.Sum() + 1];
        share[0] = 1;
        var most = 0;
        foreach (var rank in ranks)
        {
            most += rank;
            for (var sum = most; sum >= 0; sum--) share[sum] = 0.5 * (share[sum] + (sum >= rank ? share[sum - rank] : 0));
        }
        return share.AsSpan(positive).ToArray().Sum();
    }
}
