namespace AutoResearch;

/// <summary>
/// The distribution of what ideas do to the loss, learned from the trials themselves (empirical Bayes): nothing at all, or
/// a gain or a harm of some scale, from far below the noise to far above it. Every component is normal, so that all
/// posteriors have closed forms; the mixture follows the idea of adaptive shrinkage (Stephens, "False discovery rates: a new
/// deal", Biostatistics 2017), with signs kept apart because ideas harm more often than they help.
/// </summary>
internal sealed class EffectMixture
{
    private const double SmallestScale = 0.3;
    private const double LargestScale = 1e4;
    private const double ScaleRatio = 1.5;
    private const double RelativeSpread = 0.25;
    private const int EmSteps = 2;
    private const int Window = 400;

    private readonly double[] _prior;
    private readonly double[] _settled; // responsibilities of trials that have left the window
    private readonly Queue<double[]> _likelihoods = new();

    /// <param name="sigma">The noise of one run, which gives the scales their unit. Positive.</param>
    /// <param name="gainShare">Share of ideas that help, before any was seen.</param>
    /// <param name="nullShare">Share of ideas that do nothing, before any was seen.</param>
    /// <param name="pseudoTrials">How many trials the prior shares count for.</param>
    public EffectMixture(double sigma, double gainShare, double nullShare, double pseudoTrials)
    {
        var scales = new List<double>();
        for (var scale = SmallestScale; scale <= LargestScale; scale *= ScaleRatio) scales.Add(scale);
        var falling = scales.Sum(Falling);
        Centers = [.. scales.Select(s => -s * sigma).Reverse(), 0, .. scales.Select(s => s * sigma)];
        Variances = [.. Centers.Select(c => RelativeSpread * c * RelativeSpread * c)];
        _prior =
        [
            .. scales.Select(s => pseudoTrials * gainShare * Falling(s) / falling).Reverse(),
            pseudoTrials * nullShare,
            .. scales.Select(s => pseudoTrials * (1 - gainShare - nullShare) * Falling(s) / falling),
        ];
        Weights = [.. _prior.Select(p => p / pseudoTrials)];
        _settled = new double[_prior.Length];
    }

    /// <summary>Mean effect of each component on the loss; negative is a gain.</summary>
    public double[] Centers { get; }

    /// <summary>Variance of the effects of each component.</summary>
    public double[] Variances { get; }

    /// <summary>Share of each component among ideas.</summary>
    public double[] Weights { get; }

    /// <summary>
    /// Learns from a finished trial by expectation maximisation with the prior as pseudo-trials. Only the last few hundred
    /// trials are reconsidered, so that the cost of a trial stays constant.
    /// </summary>
    /// <param name="difference">Mean loss of the candidate's runs minus the belief about the incumbent's.</param>
    /// <param name="variance">The variance of <paramref name="difference"/> about the true effect.</param>
    public void Learn(double difference, double variance)
    {
        var likelihood = new double[Weights.Length];
        LogLikelihoods(difference, variance, likelihood);
        var max = likelihood.Max();
        for (var k = 0; k < likelihood.Length; k++) likelihood[k] = Math.Exp(likelihood[k] - max);
        Learn(likelihood);
    }

    /// <summary>
    /// Learns from a trial whose run was stopped for being behind. It has no score; all that is known is that it would most
    /// probably have been worse than the incumbent (a censored observation, Tobin 1958). Leaving it out would make ideas look
    /// better than they are, since the bad ones would be missing.
    /// </summary>
    public void LearnCensored() =>
        Learn([.. Centers.Zip(Variances, (center, variance) => variance == 0 ? 0.5 : Normal.Cdf(center / Math.Sqrt(variance)))]);

    private void Learn(double[] likelihood)
    {
        _likelihoods.Enqueue(likelihood);
        var sums = new double[Weights.Length];
        for (var step = 0; step < EmSteps; step++)
        {
            for (var k = 0; k < sums.Length; k++) sums[k] = _prior[k] + _settled[k];
            foreach (var l in _likelihoods) AddResponsibilities(l, sums);
            var total = sums.Sum();
            for (var k = 0; k < sums.Length; k++) Weights[k] = sums[k] / total;
        }
        if (_likelihoods.Count > Window) AddResponsibilities(_likelihoods.Dequeue(), _settled);
    }

    /// <summary>The logarithm of the density of a difference under each component, up to a constant.</summary>
    public void LogLikelihoods(double difference, double variance, Span<double> result)
    {
        for (var k = 0; k < result.Length; k++)
        {
            var (offset, total) = (difference - Centers[k], Variances[k] + variance);
            result[k] = -0.5 * ((offset * offset / total) + Math.Log(total));
        }
    }

    private void AddResponsibilities(double[] likelihood, double[] sums)
    {
        var total = 0.0;
        for (var k = 0; k < sums.Length; k++) total += Weights[k] * likelihood[k];
        if (!(total > 0)) return;
        for (var k = 0; k < sums.Length; k++) sums[k] += Weights[k] * likelihood[k] / total;
    }

    // Small effects are commoner than large ones.
    private static double Falling(double scale) => 1 / Math.Sqrt(scale);
}
