namespace AutoResearch.Testing;

/// <summary>A journal in memory whose events a test can look at, cut, and begin again from.</summary>
public sealed class RecordingJournal : IJournal
{
    private readonly List<ResearchEvent> _events = [];

    /// <summary>Creates a journal that holds these events already, as if it had just been reopened; none by default.</summary>
    /// <exception cref="InvalidDataException">The events do not fit together.</exception>
    public RecordingJournal(IEnumerable<ResearchEvent>? events = null)
    {
        foreach (var e in events ?? []) Add(e);
    }

    /// <summary>Every event that was appended, in order.</summary>
    public IReadOnlyList<ResearchEvent> Events => _events;

    /// <inheritdoc/>
    public ResearchHistory History { get; } = new();

    /// <summary>True once it was disposed of.</summary>
    public bool IsDisposed { get; private set; }

    /// <inheritdoc/>
    public ValueTask AppendAsync(ResearchEvent researchEvent, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Add(researchEvent);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private void Add(ResearchEvent e)
    {
        History.Apply(e);
        _events.Add(e);
    }
}
