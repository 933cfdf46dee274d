namespace AutoResearch;

/// <summary>How a <see cref="Journal"/> writes. The defaults are right for a real loop.</summary>
public sealed record JournalOptions
{
    /// <summary>
    /// Whether an event is forced to the disk before it is acknowledged. Default true. With false an event survives the
    /// death of the process, but not that of the machine.
    /// </summary>
    public bool FlushToDisk { get; init; } = true;

    internal Func<string, IJournalFile> OpenFile { get; init; } = JournalFile.Open;
}
