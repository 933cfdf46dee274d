namespace AutoResearch;

/// <summary>A limit on another metric that a candidate has to keep, whatever it gains, e.g. peak memory.</summary>
/// <param name="Metric">The metric's name in <see cref="RunResult.Metrics"/>.</param>
/// <param name="Min">The lowest allowed value; null for no limit.</param>
/// <param name="Max">The highest allowed value; null for no limit.</param>
public sealed record Guard(string Metric, double? Min = null, double? Max = null)
{
    /// <summary>A guard with an upper limit.</summary>
    public static Guard AtMost(string metric, double max) => new(metric, Max: max);

    /// <summary>A guard with a lower limit.</summary>
    public static Guard AtLeast(string metric, double min) => new(metric, Min: min);

    /// <summary>
    /// Null when <paramref name="metrics"/> keep the guard, otherwise a sentence that names the metric, its value and the limit.
    /// </summary>
    public string? Violation(IReadOnlyDictionary<string, double> metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        if (!metrics.TryGetValue(Metric, out var value)) return $"guard metric '{Metric}' was not reported";
        if (double.IsNaN(value)) return $"guard metric '{Metric}' is NaN";
        if (value > Max) return FormattableString.Invariant($"{Metric} = {value:G6} is above its limit {Max:G6}");
        if (value < Min) return FormattableString.Invariant($"{Metric} = {value:G6} is below its limit {Min:G6}");
        return null;
    }
}
