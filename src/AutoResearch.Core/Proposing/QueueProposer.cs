namespace AutoResearch;

/// <summary>
/// Proposes given changes in order, each to the incumbent of the moment: for people with ideas of their own, and for tests.
/// Which of them have had their turn is read from the history, so a resumed loop goes on with the next one.
/// </summary>
public sealed class QueueProposer : IHypothesisProposer
{
    private const string Name = "queue";
    private readonly (string Title, Change Change)[] _queue;
    private readonly IHypothesisProposer? _then;

    /// <summary>Creates a proposer.</summary>
    /// <param name="queue">Titles and changes, in order.</param>
    /// <param name="then">Who is asked afterwards; null to end the loop.</param>
    /// <exception cref="ArgumentException">A title is empty.</exception>
    public QueueProposer(IEnumerable<(string Title, Change Change)> queue, IHypothesisProposer? then = null)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _queue = [.. queue];
        foreach (var (title, change) in _queue)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(title, nameof(queue));
            ArgumentNullException.ThrowIfNull(change, nameof(queue));
        }
        _then = then;
    }

    /// <inheritdoc/>
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var next = state.Trials.Count(t => t.Hypothesis.Proposer == Name);
        if (next >= _queue.Length)
            return _then?.ProposeAsync(state, cancellationToken) ?? ValueTask.FromResult<Hypothesis?>(null);
        var (title, change) = _queue[next];
        return ValueTask.FromResult<Hypothesis?>(new()
        {
            ParentId = state.Incumbent.Candidate.Id,
            Change = change,
            Title = title,
            Rationale = "Given by a person.",
            Proposer = Name,
        });
    }
}
