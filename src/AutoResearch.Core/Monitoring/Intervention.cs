using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>Something that was done inside of a run because of a signal. Recorded with the run's result.</summary>
/// <param name="Action">What was done.</param>
/// <param name="Signal">What it was done about.</param>
public sealed record Intervention(RunAction Action, MonitorSignal Signal)
{
    /// <summary>The optimizer step of the measurement that showed it; 0 where there are no steps.</summary>
    public long Step { get; init; }

    /// <summary>The share of the budget that had been used; null when it is not known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Progress { get; init; }
}
