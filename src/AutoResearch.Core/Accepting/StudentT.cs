namespace AutoResearch;

/// <summary>Student's t distribution: distribution function and quantile, to about 1e-12.</summary>
internal static class StudentT
{
    /// <summary>P(T ≤ t) with the given degrees of freedom, which need not be whole.</summary>
    public static double Cdf(double t, double degreesOfFreedom)
    {
        var tail = 0.5 * IncompleteBeta(degreesOfFreedom / 2, 0.5, degreesOfFreedom / (degreesOfFreedom + (t * t)));
        return t > 0 ? 1 - tail : tail;
    }

    /// <summary>The t with P(T ≤ t) = <paramref name="p"/>, 0 &lt; p &lt; 1.</summary>
    public static double Quantile(double p, double degreesOfFreedom)
    {
        if (p == 0.5) return 0;
        if (p < 0.5) return -Quantile(1 - p, degreesOfFreedom);
        var (low, high) = (0.0, 1.0);
        while (Cdf(high, degreesOfFreedom) < p && high < 1e12) (low, high) = (high, high * 2);
        for (var i = 0; i < 200 && high - low > 1e-13 * high; i++)
        {
            var middle = (low + high) / 2;
            if (Cdf(middle, degreesOfFreedom) < p) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }

    /// <summary>P(Z ≤ z) of the standard normal distribution.</summary>
    public static double NormalCdf(double z)
    {
        // P(1/2, z²/2) of the incomplete gamma function, by its series near 0 and its continued fraction in the tail.
        var x = z * z / 2;
        if (x == 0) return 0.5;
        var scale = Math.Exp(-x) * Math.Sqrt(x / Math.PI);
        double tail;
        if (x < 3)
        {
            var (term, sum) = (2.0, 2.0);
            for (var n = 1.5; term > 1e-17 * sum; n++) sum += term *= x / n;
            tail = 0.5 * (1 - (scale * sum));
        }
        else
        {
            var fraction = 0.0;
            for (var n = 200; n > 0; n--) fraction = n * (n - 0.5) / (x + (2 * n) + 0.5 - fraction);
            tail = 0.5 * scale / (x + 0.5 - fraction);
        }
        return z > 0 ? 1 - tail : tail;
    }

    // The regularized incomplete beta function by Lentz's continued fraction (Numerical Recipes 6.4).
    private static double IncompleteBeta(double a, double b, double x)
    {
        if (x <= 0) return 0;
        if (x >= 1) return 1;
        var front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + (a * Math.Log(x)) + (b * Math.Log(1 - x)));
        return x < (a + 1) / (a + b + 2) ? front * Fraction(a, b, x) / a : 1 - (front * Fraction(b, a, 1 - x) / b);
    }

    private static double Fraction(double a, double b, double x)
    {
        const double Tiny = 1e-300;
        var c = 1.0;
        var d = 1 / Bounded(1 - ((a + b) * x / (a + 1)));
        var result = d;
        for (var m = 1; m <= 1000; m++)
        {
            var even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / Bounded(1 + (even * d));
            c = Bounded(1 + (even / c));
            result *= d * c;
            var odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / Bounded(1 + (odd * d));
            c = Bounded(1 + (odd / c));
            result *= d * c;
            if (Math.Abs((d * c) - 1) < 1e-15) break;
        }
        return result;

        static double Bounded(double value) => Math.Abs(value) < Tiny ? Tiny : value;
    }

    // Lanczos approximation, g = 7, nine terms.
    private static double LogGamma(double x)
    {
        ReadOnlySpan<double> terms =
        [
            0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
        ];
        if (x < 0.5) return Math.Log(Math.PI / Math.Abs(Math.Sin(Math.PI * x))) - LogGamma(1 - x);
        x--;
        var sum = terms[0];
        for (var i = 1; i < terms.Length; i++) sum += terms[i] / (x + i);
        var t = x + 7.5;
        return (0.5 * Math.Log(2 * Math.PI)) + ((x + 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }
}
