namespace AutoResearch;

/// <summary>
/// An e-process against "this change does not help", from the gains of pairs of runs. It bets that the sign of a pair's gain
/// goes with its size: each pair multiplies it by 1 + tanh(λ·gain), whose expected value is 1 for any distribution that is
/// symmetric about 0 and less when the change does harm, so neither normality nor the noise has to be known, and one may stop
/// at any time (de la Peña 1999, "A general class of exponential inequalities for martingales and ratios"; Ramdas et al. 2020,
/// "Admissible anytime-valid sequential inference must rely on nonnegative martingales").
/// </summary>
internal struct SignedEvidence
{
    private readonly double _expectedGain;
    private readonly double _pairVariance;
    private double _sum;
    private double _squares;

    /// <param name="expectedGain">The gain that the search made likely; it counts as one pair when bets are placed.</param>
    /// <param name="pairVariance">The variance of a pair's gain as far as it is known. Wrong figures cost power,
    /// not validity.</param>
    public SignedEvidence(double expectedGain, double pairVariance) =>
        (_expectedGain, _pairVariance) = (expectedGain, pairVariance);

    /// <summary>The e-value.</summary>
    public double Value { get; private set; } = 1;

    /// <summary>Pairs seen.</summary>
    public int Pairs { get; private set; }

    /// <summary>Mean gain of the pairs; 0 without any.</summary>
    public readonly double Mean => Pairs == 0 ? 0 : _sum / Pairs;

    /// <summary>The standard error of the mean; null with fewer than two pairs.</summary>
    public readonly double? StandardError =>
        Pairs < 2 ? null : Math.Sqrt(Math.Max(0, _squares - (_sum * _sum / Pairs)) / (Pairs - 1) / Pairs);

    /// <summary>Takes in the gain of a pair; positive is better.</summary>
    public void Add(double gain)
    {
        // The bet is fixed before the pair is seen: the likelihood ratio of +δ against −δ for the δ that earlier pairs suggest.
        var deviation = Math.Sqrt(_pairVariance);
        var expected = Math.Max((_expectedGain + _sum) / (Pairs + 1), 0.25 * deviation);
        Value *= 1 + Math.Tanh(deviation > 0 ? expected * gain / _pairVariance : Math.Sign(gain) * 20.0);
        _sum += gain;
        _squares += gain * gain;
        Pairs++;
    }
}
