using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What a monitor has seen.</summary>
/// <param name="Kind">Of what kind it is, which decides what may follow.</param>
/// <param name="Reason">One sentence with its numbers.</param>
public sealed record MonitorSignal(MonitorSignalKind Kind, string Reason);

/// <summary>What is wrong with a run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MonitorSignalKind>))]
public enum MonitorSignalKind
{
    /// <summary>
    /// A value is NaN or infinite, or far beyond where it began: no score can come of it. Acted upon in every run.
    /// </summary>
    Diverged,

    /// <summary>The loss has jumped and stays up. Acted upon in screening runs only.</summary>
    Unstable,

    /// <summary>Memory grows so that it will not last. Acted upon in every run.</summary>
    Memory,

    /// <summary>
    /// The run has become slow: the machine is suspected, not the idea. Acted upon in every run, which is then made again.
    /// </summary>
    Machine,

    /// <summary>Nothing improves any more. Acted upon in screening runs only.</summary>
    Plateau,

    /// <summary>It is behind what other runs had reached at this point. Acted upon in screening runs only.</summary>
    Behind,
}
