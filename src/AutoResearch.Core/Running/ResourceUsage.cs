using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What a run used. Null means not measured.</summary>
public sealed record ResourceUsage
{
    /// <summary>From start to end, everything included.</summary>
    public TimeSpan WallTime { get; init; }

    /// <summary>In the training loop.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TimeSpan? TrainingTime { get; init; }

    /// <summary>Processor time of the run's processes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TimeSpan? CpuTime { get; init; }

    /// <summary>Peak memory in bytes, of the device if there is one, else of the host.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? PeakMemoryBytes { get; init; }

    /// <summary>Optimizer steps.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Steps { get; init; }

    /// <summary>Training tokens.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Tokens { get; init; }

    /// <summary>Money in the user's currency.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? Money { get; init; }
}
