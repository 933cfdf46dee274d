namespace AutoResearch.Testing;

/// <summary>
/// The true effects of ideas: a share of real gains, a share that does nothing, and the rest does harm. Effects are changes
/// of a metric that is to be minimized, so that a gain is negative.
/// </summary>
/// <param name="GainShare">Share of ideas that help, 0…1.</param>
/// <param name="NullShare">Share of ideas that do nothing, 0…1.</param>
/// <param name="GainMean">Mean of the size of a gain, before its sign is taken off.</param>
/// <param name="GainDeviation">Standard deviation of the size of a gain.</param>
/// <param name="HarmDeviation">Standard deviation of the normal distribution whose absolute value is the size of a harm.</param>
public sealed record EffectDistribution(
    double GainShare, double NullShare, double GainMean, double GainDeviation, double HarmDeviation)
{
    /// <summary>
    /// 5 % gains of 0.0008 ± 0.0005, 25 % without effect, 70 % harms of the size |N(0, 0.001)|: the order of magnitude that
    /// published val_bpb searches on one GPU show.
    /// </summary>
    public static EffectDistribution Mixed { get; } = new(0.05, 0.25, 0.0008, 0.0005, 0.001);

    /// <summary>Nothing has any effect: whatever a loop accepts is an error.</summary>
    public static EffectDistribution Placebo { get; } = new(0, 1, 0, 0, 0);

    /// <summary>Draws one effect; negative is better.</summary>
    public double Draw(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var u = random.NextDouble();
        if (u < GainShare) return -Math.Abs(GainMean + (GainDeviation * SimulatedObjective.Normal(random)));
        return u < GainShare + NullShare ? 0 : Math.Abs(HarmDeviation * SimulatedObjective.Normal(random));
    }
}
