using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>How a run ended. Only <see cref="Completed"/> carries a score; a failure is never a score.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunOutcome>))]
public enum RunOutcome
{
    /// <summary>It ran to its end within its budget and reported the objective.</summary>
    Completed,

    /// <summary>It threw, or its process exited with an error.</summary>
    Crashed,

    /// <summary>It was still running when its wall-clock budget ended, and was stopped.</summary>
    TimedOut,

    /// <summary>It ran out of host or device memory, or over its memory budget.</summary>
    OutOfMemory,

    /// <summary>Its loss or its metric became NaN, infinite, or grew past a sane bound.</summary>
    Diverged,

    /// <summary>A monitor stopped it early as hopeless.</summary>
    Stopped,

    /// <summary>It ended, but its result fails a validity check: metric missing, impossible value, tampered input.</summary>
    Invalid,

    /// <summary>
    /// The machine failed, not the idea: no process could be started, disk full, device lost. Retried, never
    /// counted against the idea.
    /// </summary>
    InfrastructureFailure,

    /// <summary>The user cancelled it.</summary>
    Cancelled,

    /// <summary>
    /// The machine was disturbed while it ran, so its result means nothing. Made again a few times, never
    /// counted against the idea.
    /// </summary>
    Contended,
}
