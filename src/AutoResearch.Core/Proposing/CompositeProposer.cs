namespace AutoResearch;

/// <summary>
/// Several proposers that share the trials by a bandit: who has brought more accepted gain per second of runs and proposing
/// is asked more often, and nobody is forgotten (UCB1, Auer, Cesa-Bianchi and Fischer 2002, on the rate of gain
/// relative to the best).
/// </summary>
/// <remarks>
/// The bandit has no state of its own: gains and costs are read from the history through <see cref="Hypothesis.Proposer"/>, which
/// is set to the name given here, so that it survives a resume. The gain is the
/// statistic <c>gain</c> of an accept, which the acceptors of this library state; without it only the counts decide. A trial that
/// is running counts as asked. A proposer that returns null is passed over; null is returned when all do.
/// </remarks>
public sealed class CompositeProposer : IHypothesisProposer
{
    private readonly (string Name, IHypothesisProposer Proposer)[] _proposers;

    /// <summary>Creates a proposer.</summary>
    /// <param name="proposers">Unique names and proposers; ties go to the first.</param>
    /// <exception cref="ArgumentException">There are none, or a name is empty or occurs twice.</exception>
    public CompositeProposer(params (string Name, IHypothesisProposer Proposer)[] proposers)
    {
        ArgumentNullException.ThrowIfNull(proposers);
        if (proposers.Length == 0) throw new ArgumentException("A composite needs at least one proposer.", nameof(proposers));
        foreach (var (name, proposer) in proposers)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(name, nameof(proposers));
            ArgumentNullException.ThrowIfNull(proposer, nameof(proposers));
        }
        if (proposers.GroupBy(p => p.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"The name '{twice.Key}' occurs twice; names must be unique.", nameof(proposers));
        _proposers = [.. proposers];
    }

    /// <inheritdoc/>
    public async ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        foreach (var index in Order(state))
        {
            var (name, proposer) = _proposers[index];
            if (await proposer.ProposeAsync(state, cancellationToken).ConfigureAwait(false) is { } hypothesis)
                return hypothesis with { Proposer = name };
        }
        return null;
    }

    private IEnumerable<int> Order(ResearchState state) => GainBandit.Order(state, [.. _proposers.Select(p => p.Name)],
        trial => trial.Hypothesis.Cost.Time.TotalSeconds + trial.Runs.Sum(r => r.Result.Usage.WallTime.TotalSeconds));
}
