namespace AutoResearch;

/// <summary>
/// How fast the machine drifts, as the variance that the true loss of one and the same configuration gains with every run.
/// Controls of the incumbent tell it: under each of a few rates the surprise of a control has a known size.
/// </summary>
internal sealed class DriftEstimate
{
    private static readonly double[] s_rates = [0, 1e-3, 4e-3, 1.6e-2, 6.4e-2];
    private readonly double[] _logWeights = [Math.Log(0.996), .. Enumerable.Repeat(Math.Log(0.001), 4)];

    /// <summary>Variance per run in units of the variance of one run.</summary>
    public double Rate { get; private set; } = 0.001 * s_rates.Sum();

    /// <summary>Learns from a control.</summary>
    /// <param name="surprise">The control's loss minus the belief.</param>
    /// <param name="beliefVariance">The belief's variance when it was last measured.</param>
    /// <param name="runVariance">The variance of one run.</param>
    /// <param name="runs">Runs since the last measurement.</param>
    public void Learn(double surprise, double beliefVariance, double runVariance, int runs)
    {
        if (runs <= 0 || !(runVariance > 0)) return;
        for (var j = 0; j < s_rates.Length; j++)
        {
            var variance = beliefVariance + runVariance + (s_rates[j] * runVariance * runs);
            _logWeights[j] -= 0.5 * ((surprise * surprise / variance) + Math.Log(variance));
        }
        var max = _logWeights.Max();
        var (total, rate) = (0.0, 0.0);
        for (var j = 0; j < s_rates.Length; j++)
        {
            var weight = Math.Exp(_logWeights[j] - max);
            total += weight;
            rate += weight * s_rates[j];
        }
        Rate = rate / total;
    }
}
