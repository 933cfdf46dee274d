using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>What a workspace asks of a repository, and the refusals when it is not fit to be used.</summary>
internal static class GitRepository
{
    private const string BaseNote = "refs/autoresearch/base/";

    /// <summary>A commit on a run's branch.</summary>
    public sealed record Commit(string Id, string Tree, int Trial, string Candidate);

    /// <summary>The repository at a directory, if it is fit to be used.</summary>
    public static async Task<(GitCommand Git, string Root, string Common)> InspectAsync(
        string directory, GitWorkspaceOptions options, EditableSurface surface, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory)) throw new WorkspaceException($"The directory '{directory}' does not exist.");
        var (code, paths, error) = await new GitCommand(options.Git, directory)
            .TryAsync(["rev-parse", "--show-toplevel", "--path-format=absolute", "--git-common-dir"],
                cancellationToken).ConfigureAwait(false);
        if (code != 0)
            throw new WorkspaceException($"'{directory}' is not inside of a git repository with files: "
                + $"{error.Trim()} Run git init and commit the files first.");
        var lines = paths.TrimEnd('\n').Split('\n');
        var (root, common) = (Path.GetFullPath(lines[0]), Path.GetFullPath(lines[1]));
        var git = new GitCommand(options.Git, root);
        var (status, output, problem) = await git.TryAsync(
            ["status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none"],
            cancellationToken).ConfigureAwait(false);
        if (status != 0)
            throw new WorkspaceException(
                $"The repository '{root}' is broken: {problem.Trim()} Repair it first, e.g. with git fsck.");
        if ((await git.TryAsync(["rev-parse", "--verify", "-q", "HEAD^{tree}"], cancellationToken).ConfigureAwait(false)).Code
            != 0)
            throw new WorkspaceException(
                $"The repository '{root}' has no commit, or its head cannot be read. Commit the files first, or repair it.");
        foreach (var state in (string[])["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply",
            "BISECT_LOG"])
        {
            if (Path.Exists(Path.Combine(root, ".git", state)))
                throw new WorkspaceException(
                    $"The repository '{root}' is in the middle of something ({state}). Finish or abort it first.");
        }

        foreach (var line in output.Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var (kind, path) = (line[..Math.Min(2, line.Length)], line.Length > 3 ? line[3..] : "");
            if (kind != "??" || surface.Allows(path))
                throw new WorkspaceException($"The repository '{root}' has uncommitted changes, e.g. '{path}' ({kind.Trim()}). "
                    + "Commit or stash them first; nothing was touched.");
        }

        return (git, root, common);
    }

    /// <summary>
    /// Makes the branch if there is none, and returns the commit that the run began at, which a ref of its own remembers.
    /// </summary>
    public static async Task<string> BranchAsync(GitCommand git, string branch, string head, CancellationToken cancellationToken)
    {
        var note = BaseNote + branch;
        var known = await git.TryAsync(["rev-parse", "--verify", "-q", $"{note}^{{commit}}"],
            cancellationToken).ConfigureAwait(false);
        var exists = (await git.TryAsync(["rev-parse", "--verify", "-q", $"refs/heads/{branch}"],
            cancellationToken).ConfigureAwait(false)).Code == 0;
        if (exists && known.Code == 0)
        {
            var start = known.Output.Trim();
            if ((await git.TryAsync(["merge-base", "--is-ancestor", start, $"refs/heads/{branch}"],
                cancellationToken).ConfigureAwait(false)).Code != 0)
                throw new WorkspaceException(
                    $"The branch {branch} does not descend from {start}, where the run began. Was it rebased? Use another tag.");
            var current = await git.TryAsync(["worktree", "list", "--porcelain"], cancellationToken).ConfigureAwait(false);
            if (current.Output.Split('\n').Contains($"branch refs/heads/{branch}"))
                throw new WorkspaceException($"The branch {branch} is checked out; the loop commits to it, "
                    + "which would make that checkout look changed. Check out another branch.");
            return start;
        }

        if (exists)
            throw new WorkspaceException($"The branch {branch} exists and was not made by this library. Use another tag.");
        var zero = new string('0', head.Length);
        // The note first: a kill between the two leaves a note without a branch, which the next opening replaces.
        await git.RunAsync(["update-ref", note, head], cancellationToken).ConfigureAwait(false);
        await git.RunAsync(["update-ref", "-m", "autoresearch: begin", $"refs/heads/{branch}", head, zero],
            cancellationToken).ConfigureAwait(false);
        return head;
    }

    /// <summary>The tree of a commit and the texts of its editable files.</summary>
    public static async Task<(GitTree Tree, SourceTree Source)> ReadAsync(
        GitCommand git, string commit, EditableSurface surface, CancellationToken cancellationToken)
    {
        var sha256 = commit.Length == 64;
        var tree = GitTree.Parse(
            await git.RunAsync(["ls-tree", "-r", "-z", "--full-tree", commit], cancellationToken).ConfigureAwait(false), sha256);
        var files = new List<KeyValuePair<string, string>>();
        foreach (var (path, (mode, id)) in tree.Files.Where(f => surface.Allows(f.Key)))
        {
            if (!GitTree.IsText(mode))
                throw new WorkspaceException($"'{path}' is a link or a submodule and cannot be editable. Narrow the globs.");
            var (code, text, error) = await git.TryAsync(["cat-file", "blob", id], cancellationToken).ConfigureAwait(false);
            if (code != 0)
                throw new WorkspaceException($"'{path}' cannot be read from {commit}: {error.Trim()} The repository is broken.");
            if (text.Contains('\uFFFD', StringComparison.Ordinal) || text.Contains('\0', StringComparison.Ordinal))
                throw new WorkspaceException($"'{path}' is not text in UTF-8 and cannot be editable. Narrow the globs.");
            files.Add(new(path, text));
        }

        if (files.Count == 0)
            throw new WorkspaceException(
                $"No file of {commit} matches [{string.Join(", ", surface.Globs)}]; there would be nothing to edit.");
        var source = new SourceTree(files);
        if (tree.With(source, surface).Id != await git.RunAsync(["rev-parse", $"{commit}^{{tree}}"],
            cancellationToken).ConfigureAwait(false))
            throw new WorkspaceException($"The tree of {commit} cannot be reproduced from its files. "
                + "Is an editable file not plain UTF-8, e.g. with a byte order mark?");
        return (tree, source);
    }

    /// <summary>The run's commits, the first one first.</summary>
    public static async Task<IReadOnlyList<Commit>> CommitsAsync(
        GitCommand git, string from, string branch, CancellationToken cancellationToken)
    {
        var log = await git.RunAsync(
            ["log", "--first-parent", "--reverse", "-z", "--format=%H %T%n%B", $"{from}..refs/heads/{branch}"],
            cancellationToken).ConfigureAwait(false);
        var commits = new List<Commit>();
        foreach (var entry in log.Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = entry.Split('\n');
            var ids = lines[0].Split(' ');
            var trial = int.TryParse(Trailer("AutoResearch-Trial: "), NumberStyles.None, CultureInfo.InvariantCulture,
                out var number)
                ? number
                : 0;
            commits.Add(new(ids[0], ids[1], trial, Trailer("AutoResearch-Candidate: ")));

            string Trailer(string name) =>
                lines.LastOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?[name.Length..] ?? "";
        }

        return commits;
    }

    /// <summary>
    /// Removes the worktrees below a directory, and what the repository remembers of them. Those of others are not looked at.
    /// </summary>
    public static void RemoveOrphans(string common, string worktrees)
    {
        var root = worktrees + Path.DirectorySeparatorChar;
        var administration = new DirectoryInfo(Path.Combine(common, "worktrees"));
        foreach (var entry in administration.Exists ? administration.GetDirectories() : [])
        {
            var link = Path.Combine(entry.FullName, "gitdir");
            if (entry.LinkTarget is null && File.Exists(link)
                && File.ReadAllText(link, Encoding.UTF8).StartsWith(root, StringComparison.Ordinal))
                GitWorktree.Remove(entry.FullName);
        }

        foreach (var directory in new DirectoryInfo(worktrees).GetDirectories()) GitWorktree.Remove(directory.FullName);
        foreach (var index in Directory.GetFiles(worktrees, ".index-*")) File.Delete(index);
    }
}
