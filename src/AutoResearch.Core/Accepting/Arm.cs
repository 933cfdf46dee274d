using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>One of the two things that are compared.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Arm>))]
public enum Arm
{
    /// <summary>The new one.</summary>
    Candidate,

    /// <summary>The one to beat.</summary>
    Incumbent,

    /// <summary>
    /// The baseline, as a sentinel: the one candidate whose record spans the whole loop, so its runs tell how the machine drifts.
    /// They are no evidence about the trial.
    /// </summary>
    Baseline,
}
