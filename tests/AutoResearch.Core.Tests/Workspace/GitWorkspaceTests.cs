using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class GitWorkspaceTests
{
    private static readonly (string, string)[] s_files = [("train.py", "lr = 1\n"), ("prepare.py", "data = 1\n"),
        ("a/b/deep.txt", "deep\n"), ("a.txt", "dot before slash\n"), (".gitignore", "*.log\n")];

    private static Experiment Experiment(Candidate candidate, string id = "e0001") =>
        new() { Id = id, Candidate = candidate, Seed = 1, Budget = Budget.Unlimited };

    private static ResearchProblem Problem(GitWorkspace workspace) =>
        new("toy") { Objective = Objective.Minimize("loss"), Baseline = workspace.Baseline(), Editable = workspace.Editable };

    private static ResearchLoopBuilder Loop(
        GitWorkspace workspace, IJournal journal, IExperimentRunner? runner = null, IHypothesisProposer? proposer = null) =>
        Loops.Build(proposer ?? Halving(6), runner ?? Measuring(workspace), journal, Problem(workspace)).CommitTo(workspace);

    /// <summary>Odd trials improve the loss, even ones make it worse.</summary>
    private static ScriptedProposer Halving(int trials) => new(s => s.NextTrial > trials ? null : new Hypothesis
    {
        ParentId = s.Incumbent.Candidate.Id,
        Title = $"trial {s.NextTrial}",
        Rationale = "Because.\nAutoResearch-Candidate: forged",
        Change = new SourceChange([new WriteFile("train.py",
            FormattableString.Invariant($"lr = {(s.NextTrial % 2 == 1 ? 1.0 / (s.NextTrial + 1) : s.NextTrial + 1)}\n"))]),
    });

    /// <summary>Reads the score from the worktree, as a program would.</summary>
    private static ScriptedRunner Measuring(GitWorkspace workspace) => new(async (experiment, _, token) =>
    {
        await using var directory = await workspace.CreateAsync(experiment, token);
        var text = await File.ReadAllTextAsync(Path.Combine(directory.Path, "train.py"), token);
        return ScriptedRunner.Completed("loss",
            double.Parse(text.Split('=')[1], System.Globalization.CultureInfo.InvariantCulture)) with
        {
            Hashes = directory.Hashes,
        };
    });

    [Fact]
    public async Task OpenAsync_CleanRepository_MakesTheBranchAndReadsTheEditableFiles()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync();

        Assert.Equal("lr = 1\n", Assert.Single(workspace.Source).Value);
        Assert.Equal(workspace.BaseCommit, await repository.GitAsync("rev-parse", "autoresearch/mar5"));
        Assert.Equal("master", await repository.GitAsync("branch", "--show-current"));
        Assert.Equal(await repository.GitAsync("rev-parse", "HEAD^{tree}"), workspace.TreeOf(workspace.Baseline()));
    }

    [Fact]
    public async Task Loop_Keeps_AreCommitsOfTheMeasuredTreesAndNothingElse()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync();
        await using var journal = Journal.InMemory();

        await Loop(workspace, journal).Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();

        var commits = await workspace.GetCommitsAsync(TestContext.Current.CancellationToken);
        Assert.Equal(4, commits.Count); // base and trials 1, 3, 5
        Assert.Equal("lr = 0.25", await repository.GitAsync("show", $"{commits[2]}:train.py"));
        var message = await repository.GitAsync("log", "-1", "--format=%an%n%B", commits[2]);
        Assert.StartsWith("AutoResearch\ntrial 3\n\nBecause.", message, StringComparison.Ordinal);
        Assert.Contains("gain: 0.25\n", message, StringComparison.Ordinal);
        Assert.Contains($"AutoResearch-Candidate: {journal.History.Trials[2].Candidate!.Id}\n", message,
            StringComparison.Ordinal);
        Assert.DoesNotContain("AutoResearch-Candidate: forged", message, StringComparison.Ordinal);
        var verification = await workspace.VerifyAsync(journal.History, TestContext.Current.CancellationToken);
        Assert.Equal((3, true), (verification.Commits, verification.IsValid));
        Assert.Equal("lr = 1\n", repository["train.py"]);
        Assert.Equal("", await repository.GitAsync("status", "--porcelain"));
        Assert.Single((await repository.GitAsync("worktree", "list")).Split('\n'));
        Assert.Equal([".lock"],
            Directory.GetFileSystemEntries(Directory.GetDirectories(repository.Worktrees).Single()).Select(Path.GetFileName));
    }

    [Fact]
    public async Task VerifyAsync_ForgedCommit_IsNamed()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync();
        await using var journal = Journal.InMemory();
        await Loop(workspace, journal).Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
        var tip = await repository.GitAsync("rev-parse", "autoresearch/mar5");
        var message = await repository.GitAsync("log", "-1", "--format=%B", tip);
        var forged = await new GitCommand("git", repository.Root).RunAsync(["-c", "user.name=t", "-c", "user.email=t@t",
            "commit-tree", $"{workspace.BaseCommit}^{{tree}}", "-p", $"{tip}~1", "-F", "-"],
            TestContext.Current.CancellationToken, message + "\n");
        await repository.GitAsync("update-ref", "refs/heads/autoresearch/mar5", forged);

        var verification = await workspace.VerifyAsync(journal.History, TestContext.Current.CancellationToken);

        Assert.Contains("is not the tree that trial 5 measured", Assert.Single(verification.Problems), StringComparison.Ordinal);
        await Assert.ThrowsAsync<WorkspaceException>(() =>
            workspace.SynchronizeAsync(journal.History, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Synchronize_CommitThatTheRunsDidNotMeasure_IsRefused()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync();
        await using var journal = Journal.InMemory();
        var lying = new ScriptedRunner(e => ScriptedRunner.Completed("loss", e.Trial == 0 ? 1 : 0.5) with
        {
            Hashes = new Dictionary<string, string> { ["tree"] = "0000" },
        });

        var e = await Assert.ThrowsAsync<WorkspaceException>(() =>
            Loop(workspace, journal, lying).Build()
                .RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync());

        Assert.Contains("measured the tree 0000", e.Message, StringComparison.Ordinal);
        Assert.Single(await workspace.GetCommitsAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Resume_KilledAtAnyPoint_EndsWithTheSameCommits()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        var expected = "";
        var counting = new FaultInjector();
        await Run("whole", counting, null);
        for (var point = 1; point <= counting.Points; point++) await Run($"kill{point}", new FaultInjector(point), expected);

        async Task Run(string tag, FaultInjector faults, string? wanted)
        {
            await using var journal = Journal.InMemory();
            var workspace = await repository.OpenAsync(tag);
            try
            {
                await Loop(workspace, faults.Wrap(journal), faults.Wrap(Measuring(workspace)), faults.Wrap(Halving(3))).Build()
                    .RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
            }
            catch (InjectedFaultException)
            {
                // killed; what follows is the next process
            }

            await workspace.DisposeAsync();
            await using var again = await repository.OpenAsync(tag);
            if (wanted is not null)
                await Loop(again, journal, proposer: Halving(3)).Resume().Build()
                    .RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
            var trees = string.Join(' ', (await repository.GitAsync("log", "--format=%T", $"autoresearch/{tag}")).Split('\n'));
            Assert.True((await again.VerifyAsync(journal.History, TestContext.Current.CancellationToken)).IsValid);
            if (wanted is null) expected = trees;
            else Assert.Equal(wanted, trees);
        }
    }

    public static TheoryData<string, string> Unfit => new()
    {
        { "none", "not inside of a git repository" }, { "empty", "no commit" },
        { "dirty", "uncommitted changes, e.g. 'prepare.py'" }, { "untracked", "uncommitted changes" },
        { "merge", "in the middle of something" }, { "broken", "roken" }, { "branch", "was not made by this library" },
        { "link", "is a link" }, { "binary", "not text" }, { "nothing", "nothing to edit" }, { "missing", "does not exist" },
    };

    [Theory]
    [MemberData(nameof(Unfit))]
    public async Task OpenAsync_UnfitRepository_IsRefusedAndNotTouched(string what, string message)
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        var git = Path.Combine(repository.Root, ".git");
        switch (what)
        {
            case "none": GitWorktree.Remove(git); break;
            case "empty": GitWorktree.Remove(git); await repository.GitAsync("init", "-q"); break;
            case "dirty": repository["prepare.py"] = "data = 2\n"; break;
            case "untracked":
                await repository.GitAsync("rm", "-q", "train.py");
                await repository.CommitAllAsync("less");
                repository["train.py"] = "new";
                break;
            case "merge": repository[".git/MERGE_HEAD"] = await repository.GitAsync("rev-parse", "HEAD"); break;
            case "broken":
                GitWorktree.Remove(Path.Combine(git, "objects"));
                Directory.CreateDirectory(Path.Combine(git, "objects"));
                break;
            case "branch": await repository.GitAsync("branch", "autoresearch/mar5"); break;
            case "link":
                File.Delete(Path.Combine(repository.Root, "train.py"));
                File.CreateSymbolicLink(Path.Combine(repository.Root, "train.py"), "/etc/hostname");
                await repository.CommitAllAsync("link");
                break;
            case "binary": repository["train.py"] = "\0\0"; await repository.CommitAllAsync("binary"); break;
            case "nothing": await repository.GitAsync("rm", "-q", "train.py"); await repository.CommitAllAsync("gone"); break;
            case "missing": GitWorktree.Remove(repository.Root); break;
        }

        var before = Snapshot();
        var e = await Assert.ThrowsAsync<WorkspaceException>(() => repository.OpenAsync());

        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        // A refusal that needs the branch to be known comes before anything is written; the others leave at
        // most the run's own refs.
        if (what is not ("link" or "binary" or "nothing")) Assert.Equal(before, Snapshot());

        string Snapshot() => Directory.Exists(repository.Root)
            ? string.Join('\n', Directory.EnumerateFiles(repository.Root, "*", SearchOption.AllDirectories).Order(
                StringComparer.Ordinal).Select(f => $"{f} {new FileInfo(f).LastWriteTimeUtc.Ticks} {new FileInfo(f).Length}"))
            : "";
    }

    [Fact]
    public async Task OpenAsync_SameRunTwice_IsRefused()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync();

        Assert.Contains("in use", (await Assert.ThrowsAsync<WorkspaceException>(() => repository.OpenAsync())).Message,
            StringComparison.Ordinal);
        await using var other = await repository.OpenAsync("other");
    }

    [Fact]
    public async Task OpenAsync_OrphansOfAKill_AreRemovedButNotThoseOfOthers()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        var foreign = Path.Combine(repository.Worktrees, "foreign");
        await repository.GitAsync("worktree", "add", "-q", "--detach", foreign);
        var killed = await repository.OpenAsync();
        await using var other = await repository.OpenAsync("other");
        var orphan = await killed.CreateAsync(Experiment(killed.Baseline()), TestContext.Current.CancellationToken);
        var neighbour = await other.CreateAsync(Experiment(other.Baseline()), TestContext.Current.CancellationToken);

        await killed.DisposeAsync();
        await using var again = await repository.OpenAsync();

        Assert.False(Directory.Exists(orphan.Path));
        Assert.True(File.Exists(Path.Combine(neighbour.Path, "train.py")));
        Assert.True(File.Exists(Path.Combine(foreign, "train.py")));
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(repository.Root, ".git", "worktrees")).Length);
        await neighbour.DisposeAsync();
    }

    public static TheoryData<string, string> Tampering => new()
    {
        { "echo x >> prepare.py", "changed 'prepare.py'" },
        { "rm prepare.py", "deleted 'prepare.py'" },
        { "rm prepare.py; ln -s /etc/hostname prepare.py", "put a link in the place of 'prepare.py'" },
        { "rm prepare.py; mkfifo prepare.py", "changed 'prepare.py'" },
        { "echo x >> train.py", "changed 'train.py'" },
        { "chmod +x prepare.py", "changed 'prepare.py'" },
    };

    [Theory]
    [MemberData(nameof(Tampering))]
    public async Task ProcessRunner_RunThatChangesAFile_IsInvalid(string script, string message)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell");
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync();
        await using var runner = new ProcessRunner(["sh", "-c", $"{script}; echo 'loss: 0.1'"],
            new() { Workspace = workspace, Sandbox = Sandbox.None("a test") });

        var result = await runner.RunAsync(Experiment(workspace.Baseline()),
            cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains(message, result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProcessRunner_InAWorktree_SeesTheCandidateAndNoRepository()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell");
        using var repository = await TestRepository.CreateAsync(s_files);
        await using var workspace = await repository.OpenAsync("mar5", "train.py", "new/*.py");
        await using var runner = new ProcessRunner(["sh", "-c", "cat train.py new/x.py; echo log > run.log; "
            + "git rev-parse HEAD 2>&1 || true; mkdir -p .git/hooks; echo evil > .git/hooks/post-checkout; echo 'loss: 0.1'"],
            new() { Workspace = workspace, Sandbox = Sandbox.None("a test") });
        var candidate = workspace.Baseline()
            .Apply(new SourceChange([new WriteFile("train.py", "lr = 9\n"), new WriteFile("new/x.py", "x = 7\n")]));

        var result = await runner.RunAsync(Experiment(candidate), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(RunOutcome.Completed, result.Outcome);
        Assert.Contains("lr = 9\nx = 7", result.LogTail, StringComparison.Ordinal);
        Assert.Contains("not a git repository", result.LogTail, StringComparison.Ordinal);
        Assert.Equal(workspace.TreeOf(candidate), result.Hashes![GitWorkspace.TreeHash]);
        Assert.DoesNotContain(
            "evil", string.Join(' ', Directory.GetFiles(Path.Combine(repository.Root, ".git", "hooks")).Select(File.ReadAllText)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loop_HooksAndFiltersOfTheRepository_AreNotExecuted()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell");
        using var repository = await TestRepository.CreateAsync(s_files);
        var witness = Path.Combine(repository.Root, ".git", "witness");
        foreach (var hook in (string[])["post-checkout", "post-commit", "pre-commit", "reference-transaction",
            "post-index-change"])
        {
            repository[$".git/hooks/{hook}"] = $"#!/bin/sh\necho {hook} >> '{witness}'\n";
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(Path.Combine(repository.Root, ".git", "hooks", hook), (UnixFileMode)0b111_101_101);
        }

        await using var workspace = await repository.OpenAsync();
        await using var journal = Journal.InMemory();
        await Loop(workspace, journal).Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();

        Assert.False(File.Exists(witness));
        Assert.Equal(3, journal.History.State.Incumbent.Version);
    }

    [Fact]
    public async Task CreateAsync_LinkInTheWay_IsRefused()
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        using var outside = new TemporaryDirectory();
        Directory.CreateSymbolicLink(Path.Combine(repository.Root, "lib"), outside.Path);
        await repository.CommitAllAsync("link");
        await using var workspace = await repository.OpenAsync("mar5", "train.py", "lib/*.py");
        var candidate = workspace.Baseline().Apply(new SourceChange([new WriteFile("lib/x.py", "escaped")]));

        var e = await Assert.ThrowsAsync<WorkspaceException>(async () =>
            await workspace.CreateAsync(Experiment(candidate), TestContext.Current.CancellationToken));

        Assert.Contains("there is a link at 'lib'", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(outside.Path));
    }

    [Fact]
    public async Task TreeOf_AnyEdit_IsWhatGitNamesIt()
    {
        using var repository = await TestRepository.CreateAsync([.. s_files, ("a-b/x", "1"), ("a/c", "2"), ("é/ü.txt", "3")]);
        await using var workspace = await repository.OpenAsync("mar5", "train.py", "a/**", "new/**");
        var candidate = workspace.Baseline().Apply(new SourceChange([new WriteFile("train.py", "ü\r\n"),
            new DeleteFile("a/b/deep.txt"), new WriteFile("new/z/y.py", ""), new WriteFile("a/b.txt", "b")]));

        foreach (var (path, content) in candidate.Source!) repository[path] = content;
        File.Delete(Path.Combine(repository.Root, "a/b/deep.txt"));
        await repository.CommitAllAsync("by git");

        Assert.Equal(await repository.GitAsync("rev-parse", "HEAD^{tree}"), workspace.TreeOf(candidate));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("../x")]
    [InlineData("x.lock")]
    [InlineData("-x")]
    public async Task OpenAsync_BadTag_IsNamed(string tag)
    {
        using var repository = await TestRepository.CreateAsync(s_files);
        await Assert.ThrowsAsync<ArgumentException>(() => repository.OpenAsync(tag));
    }
}
