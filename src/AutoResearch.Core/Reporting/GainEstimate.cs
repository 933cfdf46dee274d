using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// The gain of the final candidate over the baseline from fresh runs of both, in the objective's unit; positive is better.
/// </summary>
/// <param name="Gain">The difference of the means.</param>
/// <param name="Low">Lower end of the confidence interval; equal to <paramref name="Gain"/> with fewer than two
/// runs an arm.</param>
/// <param name="High">Upper end of the confidence interval.</param>
/// <param name="Confidence">Its level, e.g. 0.95.</param>
/// <param name="Baseline">Mean of the baseline's fresh runs.</param>
/// <param name="Final">Mean of the final candidate's fresh runs.</param>
/// <param name="RunsPerArm">Fresh runs of each.</param>
public sealed record GainEstimate(
    double Gain, double Low, double High, double Confidence, double Baseline, double Final, int RunsPerArm)
{
    /// <summary>True when the whole interval is on the better side.</summary>
    [JsonIgnore]
    public bool IsConfirmed => RunsPerArm >= 2 && Low > 0;
}
