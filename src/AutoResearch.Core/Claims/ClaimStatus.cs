using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What fresh runs have shown about a kept change.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ClaimStatus>))]
public enum ClaimStatus
{
    /// <summary>It makes the final candidate better, at the stated error rate over all claims of the loop.</summary>
    Confirmed,

    /// <summary>The runs allowed could not tell. The change is kept, but no gain is claimed for it.</summary>
    Open,

    /// <summary>The runs speak against it: the final candidate seems no worse without it.</summary>
    Doubtful,

    /// <summary>A later change overrides it: without it the final candidate would be the same.</summary>
    Superseded,

    /// <summary>The runs spoke against it, and it was taken out of the final candidate, which was no worse without it.</summary>
    Dropped,
}
