using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>An exponential mean of the training loss, debiased for the first steps.</summary>
internal struct SmoothedLoss
{
    private const double Beta = 0.9;
    private double _mean, _weight;

    /// <summary>The mean; NaN before the first value.</summary>
    public readonly double Value => _weight == 0 ? double.NaN : _mean / _weight;

    public void Add(double loss)
    {
        _mean = Beta * _mean + (1 - Beta) * loss;
        _weight = Beta * _weight + (1 - Beta);
    }

    public static bool TryParse(string? text, out SmoothedLoss loss)
    {
        loss = default;
        var parts = text?.Split(' ') ?? [];
        return parts.Length == 2 && double.TryParse(parts[0], CultureInfo.InvariantCulture, out loss._mean)
            && double.TryParse(parts[1], CultureInfo.InvariantCulture, out loss._weight);
    }

    public override readonly string ToString() => FormattableString.Invariant($"{_mean:R} {_weight:R}");
}
