namespace AutoResearch;

/// <summary>
/// Where a loop records its events. <c>Journal</c> writes a directory; another store implements this. An event is
/// a fact once <see cref="AppendAsync"/> has returned: the loop shows it to nobody before, and resumes from nothing else.
/// </summary>
public interface IJournal : IAsyncDisposable
{
    /// <summary>The fold of all events that were appended, kept up to date by <see cref="AppendAsync"/>.</summary>
    ResearchHistory History { get; }

    /// <summary>
    /// Records an event for good, then folds it into <see cref="History"/>. The loop never calls it concurrently.
    /// </summary>
    /// <exception cref="IOException">The event could not be recorded; the loop ends with this exception and can be
    /// resumed.</exception>
    ValueTask AppendAsync(ResearchEvent researchEvent, CancellationToken cancellationToken = default);
}
