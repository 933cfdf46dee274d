using System.Runtime.CompilerServices;

namespace AutoResearch;

/// <summary>
/// Several lines of research that share a budget. They work in turn, a slice at a time; a bandit moves effort to the branch that
/// has lately brought more confirmed gain per run, and a branch that has brought none for long is left alone.
/// </summary>
/// <remarks>
/// What counts is what fresh runs have confirmed (<see cref="GainEstimate.IsConfirmed"/> of the branch's final runs), not what a
/// branch has kept, so a branch with noisier keeps gains nothing by them; branches need
/// <see cref="ResearchLoopOptions.FinalRuns"/> of 2 or more. Each branch has its own journal in a directory below; what was
/// decided stands in <c>branches.jsonl</c>. After a crash everything goes on where it was. Not thread-safe.
/// </remarks>
public sealed class BranchedResearch
{
    private readonly string _directory;
    private readonly IReadOnlyList<ResearchBranch> _branches;
    private readonly BranchingOptions _options;

    /// <summary>Describes the research; nothing is started yet.</summary>
    /// <param name="directory">Where ledger and journals are; created if need be.</param>
    /// <param name="branches">The branches, one or more, with different names.</param>
    /// <param name="options">How they share; null for the defaults.</param>
    /// <exception cref="ArgumentException">There is no branch, two have the same name, or an option makes no sense.</exception>
    public BranchedResearch(string directory, IEnumerable<ResearchBranch> branches, BranchingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        ArgumentNullException.ThrowIfNull(branches);
        (_directory, _branches, _options) = (Path.GetFullPath(directory), [.. branches], (options ?? new()).Validate());
        if (_branches.Count == 0) throw new ArgumentException("There is no branch.", nameof(branches));
        if (_branches.GroupBy(b => b.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"There are {twice.Count()} branches with the name '{twice.Key}'.", nameof(branches));
    }

    /// <summary>The slices so far, in order; the last may not be done. Empty before the first run.</summary>
    public IReadOnlyList<BranchSlice> Slices { get; private set; } = [];

    /// <summary>
    /// Runs until the budget is used or every branch is dead, and streams what happens in the branches. On a directory that was
    /// used before it goes on.
    /// </summary>
    /// <param name="maxRuns">Runs of all branches and sessions together, of whatever kind, after which no slice begins.</param>
    /// <param name="cancellationToken">Stops the branch that is at work, as it stops a loop.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxRuns"/> is not positive.</exception>
    /// <exception cref="IOException">Another process is at work in the directory, or it cannot be written.</exception>
    /// <exception cref="InvalidDataException">The ledger is damaged; the message says what to do.</exception>
    public IAsyncEnumerable<BranchEvent> RunAsync(int maxRuns, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRuns, 1);
        return EnumerateAsync(maxRuns, cancellationToken);
    }

    /// <summary>The history of a branch, read from its journal.</summary>
    /// <exception cref="FileNotFoundException">The branch has not begun.</exception>
    public ValueTask<ResearchHistory> ReadHistoryAsync(string branch, CancellationToken cancellationToken = default) =>
        Journal.ReadHistoryAsync(DirectoryOf(branch), cancellationToken);

    private async IAsyncEnumerable<BranchEvent> EnumerateAsync(
        int maxRuns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var ledger = new BranchLedger(_directory);
        Slices = ledger.Slices;
        string[] names = [.. _branches.Select(b => b.Name)];
        while (true)
        {
            if (ledger.Open is null)
            {
                if (ledger.Slices.Sum(s => s.Runs ?? 0) >= maxRuns
                    || BranchBandit.Next(names, ledger.Slices, _options) is not { } name)
                    yield break;
                var done = BranchBandit.Of(name, ledger.Slices);
                ledger.Add(new(name, (done.Length == 0 ? 0 : done[^1].Until) + _options.Slice));
            }
            var slice = ledger.Open!;
            var branch = _branches.FirstOrDefault(b => b.Name == slice.Branch)
                ?? throw new InvalidOperationException(
                    $"The branch '{slice.Branch}' was at work when this research ended; give it again to go on.");
            var builder = ResearchLoop.Create(branch.Problem);
            branch.Build(builder);
            var loop = builder.RecordTo(DirectoryOf(branch.Name)).Resume().Build();
            await using var _ = loop.ConfigureAwait(false);
            await foreach (var e in loop.RunAsync(slice.Until, cancellationToken).ConfigureAwait(false))
                yield return new(branch.Name, e);
            if (loop.History.Stop is { Reason: StopReason.Failed } failed)
                throw new InvalidOperationException($"The branch '{branch.Name}' cannot go on: {failed.Message}");
            var before = BranchBandit.Of(branch.Name, ledger.Slices).Sum(s => s.Runs ?? 0);
            ledger.Add(slice with
            {
                Runs = loop.History.ExperimentsFinished - before,
                Gain = loop.History.Gain is { IsConfirmed: true } gain ? gain.Gain : 0,
            });
        }
    }

    private string DirectoryOf(string branch) => Path.Combine(_directory, branch);
}
