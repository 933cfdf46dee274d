using Microsoft.Extensions.AI;

namespace AutoResearch;

/// <summary>
/// Several minds: language models in several roles, and search algorithms. Who has brought more accepted gain for the money is
/// asked more often, and nobody is forgotten; a role is only taken where it makes sense, and a provider that is
/// down is passed over.
/// </summary>
/// <remarks>
/// Like <see cref="CompositeProposer"/> it has no state of its own: gains and costs are read from the history, so that it goes on
/// after a resume as if nothing had happened. The cost of a trial is its money, plus the time of its runs and of proposing it at
/// <see cref="PortfolioOptions.MoneyPerHour"/>. When no provider answers it waits, and burns no experiment.
/// </remarks>
public sealed class PortfolioProposer : IHypothesisProposer
{
    private readonly PortfolioMember[] _members;
    private readonly PortfolioOptions _options;

    /// <summary>Creates a portfolio.</summary>
    /// <param name="members">The minds; ties go to the first. Chat proposers should have
    /// <see cref="ChatProposerOptions.MaxOutage"/> zero.</param>
    /// <param name="options">How to weigh and wait; null for the defaults.</param>
    /// <exception cref="ArgumentException">There is no member, a name is empty or occurs twice, or an option makes
    /// no sense.</exception>
    public PortfolioProposer(IEnumerable<PortfolioMember> members, PortfolioOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(members);
        _members = [.. members];
        if (_members.Length == 0) throw new ArgumentException("A portfolio needs at least one member.", nameof(members));
        if (_members.Any(m => string.IsNullOrWhiteSpace(m.Name)))
            throw new ArgumentException("A member of the portfolio has no name.", nameof(members));
        if (_members.GroupBy(m => m.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"The name '{twice.Key}' occurs twice; names must be unique.", nameof(members));
        _options = (options ?? new()).Validate();
    }

    /// <summary>The members.</summary>
    public IReadOnlyList<PortfolioMember> Members => _members;

    /// <summary>
    /// A portfolio of every client in every role, and of search algorithms. Members are called e.g. "claude/explore".
    /// </summary>
    /// <param name="clients">Names and models; not disposed of.</param>
    /// <param name="roles">The roles; null for all of <see cref="ResearchRole.All"/>.</param>
    /// <param name="chat">How models are asked; name, role and outage are set here, and they share one ledger. Null for
    /// the defaults.</param>
    /// <param name="algorithms">Names and search algorithms; null for none.</param>
    /// <param name="options">How to weigh and wait; null for the defaults with the common ledger.</param>
    public static PortfolioProposer Create(
        IEnumerable<(string Name, IChatClient Client)> clients, IEnumerable<ResearchRole>? roles = null,
        ChatProposerOptions? chat = null, IEnumerable<(string Name, IHypothesisProposer Proposer)>? algorithms = null,
        PortfolioOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(clients);
        var ledger = chat?.Ledger ?? options?.Ledger ?? new ChatLedger();
        var members = new List<PortfolioMember>();
        foreach (var (name, client) in clients)
        {
            foreach (var role in roles ?? ResearchRole.All)
            {
                var own = (chat ?? new()).Clone();
                (own.Name, own.Role, own.Ledger, own.MaxOutage) = ($"{name}/{role.Name}", role, ledger, TimeSpan.Zero);
                members.Add(new(own.Name, new ChatProposer(client, own), role.When));
            }
        }

        members.AddRange((algorithms ?? []).Select(a => new PortfolioMember(a.Name, a.Proposer)));
        options ??= new() { TimeProvider = chat?.TimeProvider ?? TimeProvider.System };
        options.Ledger ??= ledger;
        return new(members, options);
    }

    /// <inheritdoc/>
    /// <exception cref="ProviderOutageException">No member's provider answered for
    /// <see cref="PortfolioOptions.MaxOutage"/>.</exception>
    public async ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var outage = new OutageBackoff(_options.TimeProvider, _options.RetryDelay, _options.MaxRetryDelay, _options.MaxOutage);
        while (true)
        {
            ProviderOutageException? failure = null;
            foreach (var member in Order(state))
            {
                try
                {
                    if (await member.Proposer.ProposeAsync(state, cancellationToken).ConfigureAwait(false) is { } hypothesis)
                        return Booked(hypothesis with { Proposer = member.Name }, state);
                }
                catch (ProviderOutageException e)
                {
                    failure = e;
                }
            }

            if (failure is null) return null;
            await outage.WaitAsync(failure, "the portfolio", cancellationToken).ConfigureAwait(false);
        }
    }

    private IEnumerable<PortfolioMember> Order(ResearchState state)
    {
        var able = _members.Where(m => m.When?.Invoke(state) ?? true).ToArray();
        if (able.Length == 0) able = _members;
        return GainBandit.Order(state, [.. able.Select(m => m.Name)], CostOf).Select(i => able[i]);
    }

    private double CostOf(Trial trial) =>
        (double)ReportText.Money(trial) + (ReportText.Time(trial).TotalHours * (double)_options.MoneyPerHour);

    // A chat proposer with the common ledger has booked all calls already.
    private Hypothesis Booked(Hypothesis hypothesis, ResearchState state)
    {
        if (hypothesis.Provenance is not null || _options.Ledger?.Unbooked(state) is not ({ } cost, > 0 and var calls))
            return hypothesis;
        return hypothesis with
        {
            Cost = hypothesis.Cost + cost,
            Provenance = new("none", "", calls, 0) { AskedAs = state.NextTrial },
        };
    }
}
