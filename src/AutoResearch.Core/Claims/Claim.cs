using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What fresh runs say of one kept change: the final candidate with it against the same without it.</summary>
/// <param name="Trial">The trial that brought the change.</param>
/// <param name="Status">What was shown.</param>
/// <param name="Pairs">Pairs of fresh runs with the same seed, one of each arm.</param>
/// <param name="Gain">Mean gain of the pairs, in the objective's unit; positive is better. 0 without pairs.</param>
/// <param name="EValue">
/// The evidence: at any time its expected value is at most 1 if the change does nothing or harm. Large is convincing.
/// </param>
/// <param name="IsAblation">
/// True when the change was taken out of the final candidate; false when it could not be taken out alone and the candidates
/// before and after it were compared instead.
/// </param>
public sealed record Claim(int Trial, ClaimStatus Status, int Pairs, double Gain, double EValue, bool IsAblation)
{
    /// <summary>The standard error of <see cref="Gain"/>, from the spread of the pairs; null with fewer than two.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? StandardError { get; init; }

    /// <summary>
    /// The interval of <see cref="Gain"/> at a confidence (Student's t); null with fewer than two pairs. A claim ends when its
    /// evidence is clear, so the interval describes its pairs and is no test: that is the e-value's part.
    /// </summary>
    /// <param name="confidence">Between 0 and 1, e.g. 0.95.</param>
    public (double Low, double High)? Interval(double confidence) => StandardError is not { } error ? null
        : StudentT.Quantile(0.5 + (confidence / 2), Pairs - 1) * error is var half ? (Gain - half, Gain + half) : null;
}
