namespace AutoResearch;

/// <summary>
/// What is believed about one idea's effect on the loss after its runs: the mixture of all ideas, updated by the measured
/// difference. Because the belief starts from what ideas usually do, a lucky draw is discounted by itself.
/// </summary>
internal sealed class EffectBelief
{
    private readonly EffectMixture _mixture;
    private readonly double[] _posterior;
    private double _difference;
    private double _variance;

    public EffectBelief(EffectMixture mixture)
    {
        _mixture = mixture;
        _posterior = new double[mixture.Weights.Length];
    }

    /// <summary>The expected gain: positive is better.</summary>
    public double ExpectedGain { get; private set; }

    /// <summary>Probability that the effect is a gain.</summary>
    public double ProbabilityBetter { get; private set; }

    /// <summary>The standard deviation of the effect.</summary>
    public double Deviation { get; private set; }

    /// <summary>
    /// The expected gain if a gain could be told from a harm for certain: no run can be worth more than the difference to it.
    /// </summary>
    public double PerfectGain { get; private set; }

    /// <summary>The posterior weights of the components.</summary>
    public ReadOnlySpan<double> Posterior => _posterior;

    /// <summary>Conditions on a measured difference of the losses with a variance about the true effect.</summary>
    public EffectBelief Update(double difference, double variance)
    {
        (_difference, _variance) = (difference, variance);
        Weigh(difference, variance, _posterior);
        var (mean, square, better, perfect) = (0.0, 0.0, 0.0, 0.0);
        for (var k = 0; k < _posterior.Length; k++)
        {
            var (m, v) = Component(k, difference, variance);
            var q = _posterior[k];
            mean += q * m;
            square += q * ((m * m) + v);
            if (v == 0) continue; // the component of no effect
            var deviation = Math.Sqrt(v);
            var below = Normal.Cdf(-m / deviation);
            better += q * below;
            perfect += q * ((-m * below) + (deviation * Normal.Density(m / deviation)));
        }
        ExpectedGain = -mean;
        ProbabilityBetter = better;
        PerfectGain = perfect;
        Deviation = Math.Sqrt(Math.Max(0, square - (mean * mean)));
        return this;
    }

    /// <summary>
    /// The expected gain of deciding after more runs, which would reduce the variance of the difference to
    /// <paramref name="variance"/>, when everything below <paramref name="threshold"/> would then be accepted.
    /// </summary>
    public double GainAfter(double variance, double threshold)
    {
        var gain = 0.0;
        for (var k = 0; k < _posterior.Length; k++)
        {
            if (_posterior[k] < 1e-12) continue;
            var own = _mixture.Variances[k];
            var shrink = (own + variance) / (own + _variance);
            var center = _mixture.Centers[k] + (shrink * (_difference - _mixture.Centers[k])); // of the difference to be measured
            var deviation = Math.Sqrt(shrink * (_variance - variance));
            if (!(deviation > 0)) return ExpectedGain;
            var z = (threshold - center) / deviation;
            var (mean, _) = Component(k, _difference, _variance);
            gain -= _posterior[k] * ((mean * Normal.Cdf(z)) - (own / (own + variance) * deviation * Normal.Density(z)));
        }
        return gain;
    }

    /// <summary>The largest difference that would be accepted if it were known with a variance.</summary>
    public double Threshold(double variance, double probability)
    {
        var deviation = Math.Sqrt(variance);
        var (low, high) = (-12 * deviation, 4 * deviation);
        Span<double> weights = stackalloc double[_posterior.Length];
        for (var i = 0; i < 20; i++)
        {
            var middle = 0.5 * (low + high);
            if (WouldAccept(middle, variance, probability, weights)) low = middle;
            else high = middle;
        }
        return low;
    }

    private bool WouldAccept(double difference, double variance, double probability, Span<double> weights)
    {
        Weigh(difference, variance, weights);
        var (gain, better) = (0.0, 0.0);
        for (var k = 0; k < weights.Length; k++)
        {
            if (weights[k] < 1e-9) continue;
            var (m, v) = Component(k, difference, variance);
            gain -= weights[k] * m;
            if (v > 0) better += weights[k] * Normal.Cdf(-m / Math.Sqrt(v));
        }
        return gain > 0 && better >= probability;
    }

    private (double Mean, double Variance) Component(int k, double difference, double variance)
    {
        var (center, own) = (_mixture.Centers[k], _mixture.Variances[k]);
        var trust = own / (own + variance);
        return (center + (trust * (difference - center)), trust * variance);
    }

    private void Weigh(double difference, double variance, Span<double> weights)
    {
        _mixture.LogLikelihoods(difference, variance, weights);
        var max = double.NegativeInfinity;
        for (var k = 0; k < weights.Length; k++) max = Math.Max(max, weights[k]);
        var total = 0.0;
        for (var k = 0; k < weights.Length; k++) total += weights[k] = _mixture.Weights[k] * Math.Exp(weights[k] - max);
        for (var k = 0; k < weights.Length; k++) weights[k] /= total;
    }
}
