namespace AutoResearch;

/// <summary>The standard normal distribution.</summary>
internal static class Normal
{
    /// <summary>The density.</summary>
    public static double Density(double z) => 0.3989422804014327 * Math.Exp(-0.5 * z * z);

    /// <summary>
    /// The distribution function, with a relative error below 1.2e-7 in the lower tail: Chebyshev fit of erfc (Press et al.,
    /// Numerical Recipes, 6.2).
    /// </summary>
    public static double Cdf(double z)
    {
        var x = Math.Abs(z) * 0.7071067811865475;
        var t = 1 / (1 + (0.5 * x));
        var series = -1.26551223 + (t * (1.00002368 + (t * (0.37409196 + (t * (0.09678418 + (t * (-0.18628806
            + (t * (0.27886807 + (t * (-1.13520398 + (t * (1.48851587 + (t * (-0.82215223 + (t * 0.17087277)))))))))))))))));
        var tail = 0.5 * t * Math.Exp((-x * x) + series);
        return z > 0 ? 1 - tail : tail;
    }
}
