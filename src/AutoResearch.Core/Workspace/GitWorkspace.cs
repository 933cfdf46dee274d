using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Source candidates in a git repository: a branch <c>autoresearch/&lt;tag&gt;</c> for the run, a worktree for every experiment,
/// and one commit on the branch for every kept hypothesis, whose tree is the tree that was measured.
/// </summary>
/// <remarks>
/// The user's checkout is never touched: worktrees are made elsewhere, and commits are written without a checkout. A repository
/// with uncommitted changes, a merge under way, or without commits is refused. Everything that is not editable is the same for
/// all candidates and hashed before and after every run. Discarded worktrees are removed; their changes stay in the journal. Git
/// runs without hooks and without anybody's configuration. The journal is the truth: a commit that a kill prevented is made when
/// the loop goes on. Runs may be concurrent; one process may use a tag at a time.
/// </remarks>
public sealed class GitWorkspace : IExperimentWorkspace, IAsyncDisposable
{
    /// <summary>The key of the measured tree's git id in <see cref="RunResult.Hashes"/>.</summary>
    public const string TreeHash = "tree";

    private readonly GitCommand _git;
    private readonly GitWorkspaceOptions _options;
    private readonly EditableSurface _surface;
    private readonly string _common;
    private readonly string _worktrees;
    private readonly FileStream _lock;
    private readonly GitTree _base;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private int _next;

    private GitWorkspace(
        GitCommand git, GitWorkspaceOptions options, string root, string common, string worktrees, FileStream @lock, string @base,
        GitTree tree, SourceTree source)
    {
        (_git, _options, Root, _common, _worktrees, _lock) = (git, options, root, common, worktrees, @lock);
        (BaseCommit, _base, Source) = (@base, tree, source);
        _surface = new(options.Editable);
    }

    /// <summary>The repository's root directory.</summary>
    public string Root { get; }

    /// <summary>The run's branch, <c>autoresearch/&lt;tag&gt;</c>.</summary>
    public string Branch => $"autoresearch/{_options.Tag}";

    /// <summary>The commit that the run began at.</summary>
    public string BaseCommit { get; }

    /// <summary>The editable files as they were when the run began: the source of the baseline.</summary>
    public SourceTree Source { get; }

    /// <summary>The globs of the editable files, for <see cref="ResearchProblem.Editable"/>.</summary>
    public IReadOnlyList<string> Editable => _options.Editable;

    /// <summary>
    /// Opens the workspace of a run: makes its branch at the current commit, or goes on with the one there is, and removes
    /// worktrees that a killed process of this run has left.
    /// </summary>
    /// <param name="repository">A directory inside of the repository.</param>
    /// <param name="options">Tag, editable files, and where worktrees go.</param>
    /// <param name="cancellationToken">Stops opening.</param>
    /// <exception cref="WorkspaceException">There is no repository, it has uncommitted changes, or the run is in use; nothing was
    /// touched.</exception>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    public static async Task<GitWorkspace> OpenAsync(
        string repository, GitWorkspaceOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(repository);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var surface = new EditableSurface(options.Editable);
        var (git, root, common) = await GitRepository.InspectAsync(repository, options, surface,
            cancellationToken).ConfigureAwait(false);
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(common)))[..8];
        var worktrees = Path.Combine(
            Path.GetFullPath(options.WorktreesDirectory ?? WorkDirectories.Temporary("autoresearch-worktrees")),
            $"{options.Tag}-{name}");
        if ((worktrees + Path.DirectorySeparatorChar).StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new WorkspaceException(
                $"The worktrees directory '{worktrees}' lies inside of the repository; put it elsewhere.");
        WorkDirectories.CreatePrivate(worktrees);
        FileStream @lock;
        try
        {
            @lock = new FileStream(Path.Combine(worktrees, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new WorkspaceException(
                $"The run '{options.Tag}' is in use by another process. Use another tag, or wait for it to end.", e);
        }

        try
        {
            GitRepository.RemoveOrphans(common, worktrees);
            var head = await git.RunAsync(["rev-parse", "--verify", "HEAD^{commit}"], cancellationToken).ConfigureAwait(false);
            var @base = await GitRepository.BranchAsync(git, $"autoresearch/{options.Tag}", head,
                cancellationToken).ConfigureAwait(false);
            var (tree, source) = await GitRepository.ReadAsync(git, @base, surface, cancellationToken).ConfigureAwait(false);
            return new GitWorkspace(git, options, root, common, worktrees, @lock, @base, tree, source);
        }
        catch
        {
            await @lock.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A baseline with the repository's editable files.</summary>
    /// <param name="parameters">Its parameters; null for none.</param>
    public Candidate Baseline(ParameterSet? parameters = null) =>
        new() { Parameters = parameters ?? ParameterSet.Empty, Source = Source };

    /// <summary>The git id of the tree that a candidate makes, worked out without writing anything.</summary>
    public string TreeOf(Candidate candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        return _base.With(candidate.Source, _surface).Id;
    }

    /// <inheritdoc/>
    public async ValueTask<IExperimentDirectory> CreateAsync(Experiment experiment, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        if (_surface.Violation(Source, experiment.Candidate.Source) is { } violation)
            throw new WorkspaceException($"The candidate cannot be checked out: {violation}");
        var number = Interlocked.Increment(ref _next);
        var name = FormattableString.Invariant($"{_options.Tag}-{experiment.Id}-{experiment.Attempt}-{number}-")
            + Guid.NewGuid().ToString("N")[..8];
        var path = Path.Combine(_worktrees, name);
        var worktree = new GitWorktree(path, Path.Combine(_common, "worktrees", name), TreeOf(experiment.Candidate));
        try
        {
            await _git.RunAsync(["worktree", "add", "--detach", "--force", path, BaseCommit],
                cancellationToken).ConfigureAwait(false);
            worktree.Write(experiment.Candidate.Source,
                Source.Keys.Where(k => experiment.Candidate.Source?.ContainsKey(k) != true));
            return worktree;
        }
        catch
        {
            await worktree.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Brings the branch up to a history: makes the commits of kept hypotheses that have none yet, and checks those there are.
    /// Loops that were given the workspace do this by themselves.
    /// </summary>
    /// <exception cref="WorkspaceException">The branch has commits that the history does not know, or a tree is not the one that
    /// was measured.</exception>
    public async Task SynchronizeAsync(ResearchHistory history, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(history);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            CheckBaseline(history.Problem);
            var commits = await CommitsAsync(cancellationToken).ConfigureAwait(false);
            var kept = history.Incumbents.Skip(1).ToArray();
            for (var i = 0; i < Math.Max(commits.Count, kept.Length); i++)
            {
                if (i >= kept.Length)
                    throw new WorkspaceException($"{Branch} has the commit {commits[i].Id}, which the journal does not know. "
                        + "Was it made by hand, or does the journal belong to another run?");
                if (i < commits.Count) Check(commits[i], kept[i], history);
                else await CommitAsync(
                    kept[i], i == 0 ? BaseCommit : (await CommitsAsync(cancellationToken).ConfigureAwait(false))[i - 1].Id,
                    history, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// Compares every kept hypothesis of a history with its commit: message, tree, and the tree that its runs have measured.
    /// </summary>
    public async Task<GitVerification> VerifyAsync(ResearchHistory history, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(history);
        var commits = await CommitsAsync(cancellationToken).ConfigureAwait(false);
        var kept = history.Incumbents.Skip(1).ToArray();
        var problems = new List<string>();
        for (var i = 0; i < Math.Min(commits.Count, kept.Length); i++)
        {
            try
            {
                Check(commits[i], kept[i], history);
            }
            catch (WorkspaceException e)
            {
                problems.Add(e.Message);
            }
        }

        problems.AddRange(
            kept.Skip(commits.Count).Select(k => $"Version {k.Version}, trial {k.Trial}, has no commit on {Branch}."));
        problems.AddRange(commits.Skip(kept.Length).Select(c => $"The commit {c.Id} on {Branch} is not in the journal."));
        return new(Math.Min(commits.Count, kept.Length), problems);
    }

    /// <summary>The commit of every version of the incumbent, the base commit first.</summary>
    public async Task<IReadOnlyList<string>> GetCommitsAsync(CancellationToken cancellationToken = default) =>
        [BaseCommit, .. (await CommitsAsync(cancellationToken).ConfigureAwait(false)).Select(c => c.Id)];

    /// <summary>Gives the run free. The branch stays, worktrees of experiments that are still running go.</summary>
    public async ValueTask DisposeAsync()
    {
        GitRepository.RemoveOrphans(_common, _worktrees);
        await _lock.DisposeAsync().ConfigureAwait(false);
        _gate.Dispose();
    }

    internal void CheckBaseline(ResearchProblem problem)
    {
        if (TreeOf(problem.Baseline) != _base.Id)
            throw new WorkspaceException($"The baseline of '{problem.Name}' is not the source of {Branch} at its first commit, "
                + $"{BaseCommit}. Use GitWorkspace.Baseline().");
        if (!problem.Editable.SequenceEqual(Editable))
            throw new WorkspaceException($"ResearchProblem.Editable is [{string.Join(", ", problem.Editable)}], "
                + $"the workspace's is [{string.Join(", ", Editable)}]. Use GitWorkspace.Editable.");
    }

    /// <summary>Writes results.tsv, with the commits of what was kept and the trees of what was not.</summary>
    internal async ValueTask WriteResultsAsync(ResearchHistory history, CancellationToken cancellationToken)
    {
        if (_options.ResultsDirectory is not { } directory || history.IsEmpty) return;
        var commits = await GetCommitsAsync(cancellationToken).ConfigureAwait(false);
        var kept = history.Incumbents.Zip(commits).DistinctBy(p => p.First.Candidate.Id)
            .ToDictionary(p => p.First.Candidate.Id, p => p.Second, StringComparer.Ordinal);
        await ResultsTsv.Of(history, candidate => kept.GetValueOrDefault(candidate.Id) ?? TreeOf(candidate))
            .WriteAsync(directory, cancellationToken).ConfigureAwait(false);
    }

    private void Check(GitRepository.Commit commit, Incumbent kept, ResearchHistory history)
    {
        if (commit.Candidate != kept.Candidate.Id || commit.Trial != kept.Trial)
            throw new WorkspaceException($"The commit {commit.Id} on {Branch} is about candidate {commit.Candidate} of trial "
                + $"{commit.Trial}, but version {kept.Version} is candidate {kept.Candidate.Id} of trial {kept.Trial}.");
        if (commit.Tree != MeasuredTree(kept, history))
            throw new WorkspaceException(
                $"The tree {commit.Tree} of commit {commit.Id} is not the tree that trial {kept.Trial} measured.");
    }

    /// <summary>The tree of a kept candidate, which is the one that all its runs report.</summary>
    private string MeasuredTree(Incumbent kept, ResearchHistory history)
    {
        var tree = TreeOf(kept.Candidate);
        foreach (var run in kept.Trial == 0 ? history.BaselineRuns : history.Trials[kept.Trial - 1].Runs)
        {
            if (run.Result.Hashes?.GetValueOrDefault(TreeHash) is { } measured && measured != tree)
                throw new WorkspaceException($"The experiment {run.Experiment.Id} measured the tree {measured}, "
                    + $"but the kept candidate {kept.Candidate.Id} makes {tree}.");
        }

        return tree;
    }

    private async Task CommitAsync(Incumbent kept, string parent, ResearchHistory history, CancellationToken cancellationToken)
    {
        var tree = MeasuredTree(kept, history);
        var message = kept.Reversion is { } reversion
            ? GitMessage.OfReversion(kept, reversion)
            : GitMessage.Of(history.Trials[kept.Trial - 1], kept.Version, history.Problem);
        var index = Path.Combine(_worktrees, $".index-{Guid.NewGuid():N}");
        var environment = new Dictionary<string, string>
        {
            ["GIT_INDEX_FILE"] = index,
            ["GIT_AUTHOR_NAME"] = _options.AuthorName,
            ["GIT_AUTHOR_EMAIL"] = _options.AuthorEmail,
            ["GIT_COMMITTER_NAME"] = _options.AuthorName,
            ["GIT_COMMITTER_EMAIL"] = _options.AuthorEmail,
            ["GIT_AUTHOR_DATE"] = FormattableString.Invariant($"{history.LastTime.ToUnixTimeSeconds()} +0000"),
            ["GIT_COMMITTER_DATE"] = FormattableString.Invariant($"{history.LastTime.ToUnixTimeSeconds()} +0000"),
        };
        try
        {
            await Run(["read-tree", BaseCommit]).ConfigureAwait(false);
            var entries = new StringBuilder();
            foreach (var path in Source.Keys.Where(k => kept.Candidate.Source?.ContainsKey(k) != true))
                entries.Append($"0 {new string('0', tree.Length)}\t{path}\0");
            var wanted = _base.With(kept.Candidate.Source, _surface).Files;
            foreach (var (path, content) in kept.Candidate.Source ?? Enumerable.Empty<KeyValuePair<string, string>>())
            {
                if (Source.GetValueOrDefault(path) == content) continue;
                var blob = await Run(["hash-object", "-w", "--no-filters", "--stdin"], content).ConfigureAwait(false);
                entries.Append($"{wanted[path].Mode} {blob}\t{path}\0");
            }

            await Run(["update-index", "-z", "--index-info"], entries.ToString()).ConfigureAwait(false);
            var written = await Run(["write-tree"]).ConfigureAwait(false);
            if (written != tree)
                throw new WorkspaceException($"git wrote the tree {written} where {tree} was measured; nothing was committed.");
            var commit = await Run(["commit-tree", tree, "-p", parent, "-F", "-"], message).ConfigureAwait(false);
            // The old value makes it a compare-and-swap: a commit made by somebody else meanwhile is never lost.
            await Run(["update-ref", "-m", kept.Reversion is null ? $"autoresearch: keep trial {kept.Trial}"
                : $"autoresearch: revert to version {kept.Reversion.To}",
                $"refs/heads/{Branch}", commit, parent]).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(index);
        }

        Task<string> Run(IReadOnlyList<string> arguments, string? input = null) =>
            _git.RunAsync(arguments, cancellationToken, input, environment);
    }

    private Task<IReadOnlyList<GitRepository.Commit>> CommitsAsync(CancellationToken cancellationToken) =>
        GitRepository.CommitsAsync(_git, BaseCommit, Branch, cancellationToken);
}
