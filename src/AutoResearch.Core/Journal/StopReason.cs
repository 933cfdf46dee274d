using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>Why a loop ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StopReason>))]
public enum StopReason
{
    /// <summary>The maximum number of experiments was reached.</summary>
    MaxExperiments,

    /// <summary>The maximum number of trials was reached.</summary>
    MaxTrials,

    /// <summary>The total time was reached.</summary>
    MaxTime,

    /// <summary>The money budget was reached.</summary>
    MaxCost,

    /// <summary>Nothing was accepted for the agreed number of trials.</summary>
    Plateau,

    /// <summary>The proposer had nothing left to try.</summary>
    Exhausted,

    /// <summary>Nobody has answered a request for approval in time; resumed, the loop asks again.</summary>
    AwaitingApproval,

    /// <summary>The user cancelled.</summary>
    Cancelled,

    /// <summary>The baseline never gave a score, or the machine failed again and again.</summary>
    Failed,
}
