namespace AutoResearch.Testing;

/// <summary>
/// How a <see cref="SimulatedObjective"/> disturbs its runs. By default the noise is normal and equal for all candidates.
/// </summary>
public sealed record SimulatedNoise
{
    /// <summary>Creates a noise.</summary>
    /// <param name="sigma">Standard deviation of one run's noise, in the metric's unit; with heavy tails their scale.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sigma"/> is negative or not finite.</exception>
    public SimulatedNoise(double sigma)
    {
        if (!double.IsFinite(sigma) || sigma < 0)
            throw new ArgumentOutOfRangeException(nameof(sigma), sigma, "The noise must be 0 or more, in the metric's unit.");
        Sigma = sigma;
    }

    /// <summary>Standard deviation of one run's noise.</summary>
    public double Sigma { get; }

    /// <summary>True for noise with heavy tails: Student's t with 3 degrees of freedom times <see cref="Sigma"/>.</summary>
    public bool HeavyTails { get; init; }

    /// <summary>
    /// Largest over smallest standard deviation among candidates, log-uniform around <see cref="Sigma"/>. 1, the default, for
    /// equal noise.
    /// </summary>
    public double Spread { get; init; } = 1;

    /// <summary>By how much the metric of everything rises with every experiment, whatever runs. Default 0.</summary>
    public double DriftPerRun { get; init; }

    /// <summary>Share of ideas that crash, 0…1. Default 0.</summary>
    public double CrashShare { get; init; }

    internal double Draw(Random ofCandidate, Random ofRun, int experiment)
    {
        var sigma = Sigma * Math.Pow(Spread, ofCandidate.NextDouble() - 0.5);
        var normal = SimulatedObjective.Normal(ofRun);
        if (HeavyTails)
        {
            var square = 0.0;
            for (var i = 0; i < 3; i++) square += Math.Pow(SimulatedObjective.Normal(ofRun), 2);
            normal /= Math.Sqrt(square / 3);
        }
        return (sigma * normal) + (DriftPerRun * experiment);
    }
}
