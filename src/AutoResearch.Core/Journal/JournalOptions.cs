using Microsoft.Extensions.Logging;

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
    /// Whether a long journal keeps a compact copy of its events in <c>journal.snapshot</c>, which makes opening several times
    /// faster. Default true. The copy is used only for stretches of the journal of which every byte is unchanged. With false
    /// every line is parsed and checked by itself, and no copy is written.
    /// </summary>
    public bool UseSnapshot { get; init; } = true;

    /// <summary>Told when a snapshot is ignored or cannot be written. Default null: nobody is.</summary>
    public ILogger? Logger { get; init; }

    internal Func<string, IJournalFile> OpenFile { get; init; } = JournalFile.Open;

    internal Action<string> FlushDirectory { get; init; } = DirectoryEntries.Flush;
}
