using System.Runtime.CompilerServices;

namespace AutoResearch;

/// <summary>
/// An autonomous research loop: proposes a change, runs it, judges it, keeps what is better, and records every step in a
/// journal from which it can go on after a crash. Built by <see cref="Create"/>.
/// </summary>
/// <remarks>
/// A loop works only while its events are being enumerated; <see cref="DisposeAsync"/> may be called at any time and from
/// any thread, everything else by one caller at a time.
/// </remarks>
public sealed class ResearchLoop : IAsyncDisposable
{
    private readonly ResearchLoopConfiguration _configuration;
    private readonly CancellationTokenSource _disposal = new();
    private IJournal? _journal;
    private LoopSession? _session;
    private bool _checked;
    private bool _journalFailed;
    private int _running;
    private int _disposed;

    internal ResearchLoop(ResearchLoopConfiguration configuration) => _configuration = configuration;

    private enum Start
    {
        New,
        Existing,
    }

    /// <summary>The problem.</summary>
    public ResearchProblem Problem => _configuration.Problem;

    /// <summary>
    /// Everything that has happened so far: trials, incumbents, runs, the measured gain. Empty before the first run. It
    /// changes while the loop runs; read it between events.
    /// </summary>
    public ResearchHistory History => _journal?.History ?? new ResearchHistory();

    /// <summary>Begins to build a loop for a problem.</summary>
    /// <exception cref="ArgumentException">The problem makes no sense, e.g. a budget of zero; the message names
    /// the value.</exception>
    public static ResearchLoopBuilder Create(ResearchProblem problem) => new(problem);

    /// <summary>
    /// Runs the loop and streams its events. Each event is in the journal before it is handed out; only
    /// <see cref="MeasurementReported"/> is not journalled. The last event is <see cref="LoopStopped"/>. Running the same
    /// loop again goes on where it stopped.
    /// </summary>
    /// <param name="maxExperiments">
    /// Experiments of the whole loop after which no trial begins, as <see cref="ResearchLoopOptions.MaxExperiments"/>, which
    /// it overrides; null for that option.
    /// </param>
    /// <param name="cancellationToken">
    /// Stops the loop: the running experiment is cancelled, <see cref="LoopStopped"/> with <see cref="StopReason.Cancelled"/>
    /// is recorded and handed out, then the enumeration throws. Leaving the enumeration early has the same effect, less the
    /// exception.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxExperiments"/> is zero or negative.</exception>
    /// <exception cref="InvalidOperationException">
    /// The loop is already running, the journal has events and resuming was not asked for, or it was recorded
    /// for another problem.
    /// </exception>
    /// <exception cref="IOException">The journal could not be written. Nothing recorded is lost; resume with a
    /// new loop.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled or the loop disposed of.</exception>
    public IAsyncEnumerable<ResearchEvent> RunAsync(int? maxExperiments = null, CancellationToken cancellationToken = default) =>
        Checked(Start.New, maxExperiments, cancellationToken);

    /// <summary>
    /// Goes on from a journal that has events: experiments that had finished are not run again, one that was running is
    /// started again, and decisions are those of an uninterrupted run. Otherwise as <see cref="RunAsync"/>, whose parameters
    /// and exceptions it shares.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is nothing to resume.</exception>
    /// <inheritdoc cref="RunAsync"/>
    public IAsyncEnumerable<ResearchEvent> ResumeAsync(
        int? maxExperiments = null, CancellationToken cancellationToken = default) =>
        Checked(Start.Existing, maxExperiments, cancellationToken);

    /// <summary>
    /// Undoes what was kept after an earlier version of the incumbent: its candidate becomes the incumbent again, as a new
    /// version, so that nothing is lost from the record and the loop can go on from there. With a <see cref="GitWorkspace"/> the
    /// branch gets a commit with the tree of that version. Only while the loop is not running, and only where there is a
    /// journal with events.
    /// </summary>
    /// <param name="version">The version to go back to; 0 for the baseline.</param>
    /// <param name="by">Who wants it, for the journal.</param>
    /// <param name="reason">Why, for the journal.</param>
    /// <param name="cancellationToken">Stops before anything is recorded.</param>
    /// <returns>The event that was recorded.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such version before the present one.</exception>
    /// <exception cref="InvalidOperationException">The loop is running, has no events, or the present incumbent has the same
    /// candidate.</exception>
    public async ValueTask<IncumbentReverted> RevertAsync(
        int version, string by, string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(by);
        ArgumentNullException.ThrowIfNull(reason);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (Interlocked.Exchange(ref _running, 1) != 0)
            throw new InvalidOperationException("The loop is running. Let it stop before the incumbent is reverted.");
        try
        {
            var journal = await OpenAsync(Start.Existing, cancellationToken).ConfigureAwait(false);
            var incumbents = journal.History.Incumbents;
            if (version < 0 || version >= incumbents.Count - 1)
                throw new ArgumentOutOfRangeException(nameof(version), version,
                    $"The incumbent is version {incumbents.Count - 1}; it can be reverted to versions before that one, from 0.");
            if (incumbents[version].Candidate.Id == incumbents[^1].Candidate.Id)
                throw new InvalidOperationException(
                    $"The incumbent, version {incumbents.Count - 1}, is the candidate of version {version} already.");
            var e = new IncumbentReverted(incumbents.Count, version, incumbents[version].Candidate.Id, by, reason)
            {
                Time = _configuration.TimeProvider.GetUtcNow(),
            };
            await journal.AppendAsync(e, CancellationToken.None).ConfigureAwait(false);
            LoopLog.Write(_configuration.Logger, e, journal.History);
            return e;
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    /// <summary>Stops a run that is going on, as a cancellation does, and closes the journal. Safe to call twice.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _disposal.CancelAsync().ConfigureAwait(false);
        try
        {
            if (_session is { } session) await session.StopAsync().ConfigureAwait(false);
        }
        finally
        {
            if (_configuration.OwnsJournal && _journal is { } journal) await journal.DisposeAsync().ConfigureAwait(false);
        }
    }

    private IAsyncEnumerable<ResearchEvent> Checked(Start start, int? maxExperiments, CancellationToken cancellationToken)
    {
        if (maxExperiments is { } max) ArgumentOutOfRangeException.ThrowIfLessThan(max, 1, nameof(maxExperiments));
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return EnumerateAsync(start, maxExperiments, cancellationToken);
    }

    private async IAsyncEnumerable<ResearchEvent> EnumerateAsync(
        Start start, int? maxExperiments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (Interlocked.Exchange(ref _running, 1) != 0)
            throw new InvalidOperationException(
                "The loop is already running. Enumerate it once at a time; build a second loop for a second run.");
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposal.Token);
        LoopSession? session = null;
        try
        {
            linked.Token.ThrowIfCancellationRequested();
            var journal = await OpenAsync(start, linked.Token).ConfigureAwait(false);
            _session = session = new LoopSession(_configuration, journal, maxExperiments, linked.Token);
            while (await NextAsync(session).ConfigureAwait(false) is { } e) yield return e;
        }
        finally
        {
            if (session is not null) await session.StopAsync().ConfigureAwait(false);
            Volatile.Write(ref _running, 0);
        }
    }

    private async ValueTask<ResearchEvent?> NextAsync(LoopSession session)
    {
        try
        {
            return await session.NextAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _journalFailed = true;
            throw;
        }
    }

    private async ValueTask<IJournal> OpenAsync(Start start, CancellationToken cancellationToken)
    {
        if (_journalFailed)
            throw new InvalidOperationException(
                $"Recording to {_configuration.JournalName} failed before. Dispose of this loop and resume with a new one.");
        _journal ??= await _configuration.OpenJournal(cancellationToken).ConfigureAwait(false);
        var history = _journal.History;
        if (start == Start.Existing && history.IsEmpty)
            throw new InvalidOperationException(
                $"There is nothing to resume: {_configuration.JournalName} has no events. Use RunAsync to begin.");
        if (_checked) return _journal;
        if (!history.IsEmpty)
        {
            if (start == Start.New && !_configuration.Resume)
                throw new InvalidOperationException(
                    $"{_configuration.JournalName} already holds a loop with {history.ExperimentsFinished} experiments. "
                    + "Call ResumeAsync, or Resume() on the builder, to go on with it, or record to a new directory.");
            ResumeCheck.ThrowIfDifferent(history, _configuration);
        }
        _checked = true;
        return _journal;
    }
}
