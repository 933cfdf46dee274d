namespace AutoResearch.Tests;

/// <summary>Numerical integration, as an independent check of formulas in closed form.</summary>
internal static class Quadrature
{
    /// <summary>
    /// The integral by the trapezoidal rule; for smooth densities that vanish at both ends it is exact to many digits.
    /// </summary>
    public static double Integrate(double from, double to, Func<double, double> f, int steps = 4000)
    {
        var width = (to - from) / steps;
        var sum = (f(from) + f(to)) / 2;
        for (var i = 1; i < steps; i++) sum += f(from + (i * width));
        return sum * width;
    }

    /// <summary>The density of a normal distribution.</summary>
    public static double Normal(double x, double mean, double variance) =>
        Math.Exp(-(x - mean) * (x - mean) / (2 * variance)) / Math.Sqrt(2 * Math.PI * variance);

    /// <summary>The density of what is measured of an idea, with a variance about its true effect.</summary>
    public static double Density(this EffectMixture mixture, double difference, double variance) =>
        mixture.Weights.Select((w, k) => w * Normal(difference, mixture.Centers[k], mixture.Variances[k] + variance)).Sum();
}
