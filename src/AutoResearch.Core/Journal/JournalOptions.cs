namespace AutoResearch;

/// <summary>How a <see cref="Journal"/> writes. The defaults are right for a real loop.</summary>
public sealed record JournalOptions
{
    /// <summary>
    /// Whether an event is forced to the disk before it is acknowledged. Default true. With false an event survives the
    /// death of the process, but not that of the machine.
    /// </summary>
    public bool FlushToDisk { get; init; } = true;

    /// <summary>
    /// After how many events a snapshot for fast resume is first due; further ones follow as the journal grows by half.
    /// 0 for no snapshots. Default 2,000.
    /// </summary>
    public int SnapshotAfter { get; init; } = 2000;

    internal Func<string, IJournalFile> OpenFile { get; init; } = JournalFile.Open;

    internal JournalOptions Validate() => SnapshotAfter >= 0
        ? this
        : throw new ArgumentException($"JournalOptions.SnapshotAfter is {SnapshotAfter}; it must be 0 (no snapshots) or more.");
}
