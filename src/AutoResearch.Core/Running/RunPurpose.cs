using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>Why a run is made. It decides what its score may be used for.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunPurpose>))]
public enum RunPurpose
{
    /// <summary>A run of the baseline at the start: measures the level and the noise.</summary>
    Baseline,

    /// <summary>The first run of a candidate. It selects, so its score is optimistic and never becomes the bar.</summary>
    Screen,

    /// <summary>A fresh run of a candidate that was asked for after its screening.</summary>
    Confirm,

    /// <summary>A fresh run of the incumbent, interleaved with a candidate's runs.</summary>
    Control,

    /// <summary>A fresh run at the end, of the final candidate or of the baseline, for the reported gain.</summary>
    Final,

    /// <summary>A fresh run after the search, of the final candidate or of it without one kept change, for the claims.</summary>
    Claim,

    /// <summary>A run of the baseline between others, which shows how the machine drifts.</summary>
    Sentinel,
}
