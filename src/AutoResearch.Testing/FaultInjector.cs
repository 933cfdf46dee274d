namespace AutoResearch.Testing;

/// <summary>
/// Kills a loop at a chosen point, as <c>kill -9</c> would. Everything that is wrapped passes numbered points: before and
/// after each journal write, and before and after each run and each proposal. At the chosen point the injector throws, and
/// from then on everything wrapped is dead: nothing more is recorded, run or proposed. Run the loop once without a fault to
/// learn the number of points, then once for every point.
/// </summary>
/// <param name="killAt">The point at which to kill, from 1; null for never.</param>
public sealed class FaultInjector(int? killAt = null)
{
    private int _points;
    private volatile bool _killed;

    /// <summary>How many points were passed.</summary>
    public int Points => Volatile.Read(ref _points);

    /// <summary>True once it has struck.</summary>
    public bool HasKilled => _killed;

    /// <summary>A journal with points before and after each write.</summary>
    public IJournal Wrap(IJournal inner) => new FaultyJournal(this, inner ?? throw new ArgumentNullException(nameof(inner)));

    /// <summary>A runner with points before and after each run.</summary>
    public IExperimentRunner Wrap(IExperimentRunner inner) =>
        new FaultyRunner(this, inner ?? throw new ArgumentNullException(nameof(inner)));

    /// <summary>A proposer with points before and after each proposal.</summary>
    public IHypothesisProposer Wrap(IHypothesisProposer inner) =>
        new FaultyProposer(this, inner ?? throw new ArgumentNullException(nameof(inner)));

    /// <summary>Passes a point, for doubles of the user's own.</summary>
    /// <exception cref="InjectedFaultException">It is the chosen point, or a later one.</exception>
    public void Pass()
    {
        if (Interlocked.Increment(ref _points) == killAt) _killed = true;
        if (_killed) throw new InjectedFaultException($"Killed at point {killAt}.");
    }

    private sealed class FaultyJournal(FaultInjector faults, IJournal inner) : IJournal
    {
        public ResearchHistory History => inner.History;

        public async ValueTask AppendAsync(ResearchEvent researchEvent, CancellationToken cancellationToken)
        {
            faults.Pass();
            await inner.AppendAsync(researchEvent, cancellationToken).ConfigureAwait(false);
            faults.Pass();
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class FaultyRunner(FaultInjector faults, IExperimentRunner inner) : IExperimentRunner
    {
        public async Task<RunResult> RunAsync(
            Experiment experiment, IProgress<Measurement>? progress, CancellationToken cancellationToken)
        {
            faults.Pass();
            var result = await inner.RunAsync(experiment, progress, cancellationToken).ConfigureAwait(false);
            faults.Pass();
            return result;
        }
    }

    private sealed class FaultyProposer(FaultInjector faults, IHypothesisProposer inner) : IHypothesisProposer
    {
        public async ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken)
        {
            faults.Pass();
            var hypothesis = await inner.ProposeAsync(state, cancellationToken).ConfigureAwait(false);
            faults.Pass();
            return hypothesis;
        }
    }
}
