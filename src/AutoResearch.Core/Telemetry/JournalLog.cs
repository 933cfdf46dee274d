using Microsoft.Extensions.Logging;

namespace AutoResearch;

/// <summary>What a journal logs. Event ids: 101 snapshot ignored, 102 snapshot not written. Neither loses anything.</summary>
internal static partial class JournalLog
{
    [LoggerMessage(101, LogLevel.Information,
        "The snapshot '{Path}' is ignored after event {Events}: {Problem} The journal itself is read from there.")]
    public static partial void SnapshotIgnored(ILogger logger, string path, long events, string problem);

    [LoggerMessage(102, LogLevel.Warning,
        "The snapshot '{Path}' could not be written, so the next resume takes longer: {Problem}")]
    public static partial void SnapshotNotWritten(ILogger logger, string path, string problem);
}
