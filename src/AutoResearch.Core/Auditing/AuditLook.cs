namespace AutoResearch;

/// <summary>
/// One look at the audit set by Thresholdout (Dwork et al. 2015): the validation set's gain stands while the audit set's is near
/// it, by a threshold with noise; only otherwise the audit set's gain is told, with noise.
/// </summary>
internal sealed record AuditLook(bool Agrees, double Gain, IReadOnlyDictionary<string, double> Statistics)
{
    /// <param name="gain">The gain on the validation set.</param>
    /// <param name="audit">The gain on the audit set.</param>
    /// <param name="agreement">The threshold as a share of the gain.</param>
    /// <param name="sigma">The standard deviation of such a gain by chance; the threshold is never below three of them.</param>
    /// <param name="random">The noise.</param>
    /// <param name="number">The number of the look.</param>
    public static AuditLook Take(double gain, double audit, double agreement, double sigma, Random random, int number)
    {
        var threshold = Math.Max(agreement * Math.Abs(gain), 3 * sigma);
        var scale = threshold / 40; // small against the threshold: its tails must not decide
        var noisy = threshold + Laplace(random, 2 * scale) + Laplace(random, 4 * scale);
        var told = audit + Laplace(random, scale);
        var statistics = new Dictionary<string, double>(StringComparer.Ordinal) { [QuarantineRatchet.LookMark] = number };
        // More on the audit set than on the validation set is no reason to doubt.
        var agrees = gain - audit < noisy;
        statistics["audit_agrees"] = agrees ? 1 : 0;
        if (!agrees) statistics["audit_gain"] = told;
        return new(agrees, agrees ? gain : told, statistics);
    }

    private static double Laplace(Random random, double scale)
    {
        var u = random.NextDouble() - 0.5;
        return -scale * Math.Sign(u) * Math.Log(1 - (2 * Math.Abs(u)));
    }
}
