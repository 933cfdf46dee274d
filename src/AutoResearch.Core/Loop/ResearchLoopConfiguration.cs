using Microsoft.Extensions.Logging;

namespace AutoResearch;

/// <summary>What a loop was built from.</summary>
internal sealed record ResearchLoopConfiguration
{
    public required ResearchProblem Problem { get; init; }

    public required IHypothesisProposer Proposer { get; init; }

    public required IExperimentRunner Runner { get; init; }

    public required IRatchetAcceptor Acceptor { get; init; }

    public IReadOnlyList<IRunMonitor> Monitors { get; init; } = [];

    public InterventionPolicy Policy { get; init; } = InterventionPolicy.Stop;

    public IApprovalGate? Gate { get; init; }

    public ApprovalPolicy Approvals { get; init; } = new();

    public required ResearchLoopOptions Options { get; init; }

    public required ILogger Logger { get; init; }

    public required TimeProvider TimeProvider { get; init; }

    /// <summary>Opens the journal; called once, by the first run.</summary>
    public required Func<CancellationToken, ValueTask<IJournal>> OpenJournal { get; init; }

    /// <summary>True when the loop opened the journal and so has to close it.</summary>
    public required bool OwnsJournal { get; init; }

    /// <summary>Where the journal is, for messages.</summary>
    public required string JournalName { get; init; }

    /// <summary>True when running on from a journal with events was asked for.</summary>
    public bool Resume { get; init; }
}
