using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>When an approval is asked for.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ApprovalStage>))]
public enum ApprovalStage
{
    /// <summary>Before the first run of a candidate: may this be executed?</summary>
    Run,

    /// <summary>Before an accepted candidate becomes the incumbent: may this be kept?</summary>
    Keep,
}
