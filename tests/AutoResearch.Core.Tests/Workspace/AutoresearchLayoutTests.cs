using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>
/// A repository laid out as karpathy/autoresearch is: prepare.py fixed, train.py edited, results.tsv untracked, and the branch of
/// a run advanced by a keep and where it was after a discard. The stand-in train.py prints the same summary block.
/// </summary>
public sealed class AutoresearchLayoutTests
{
    private const string Train = """
        from prepare import TIME_BUDGET
        MATRIX_LR = 0.04
        DEPTH = 8
        if DEPTH > 12: raise SystemExit("torch.cuda.OutOfMemoryError: CUDA out of memory")
        if DEPTH < 0: raise ValueError("depth must be positive")
        val_bpb = 0.9979 + (MATRIX_LR - 0.06) ** 2 * 10 - 0.002 * (DEPTH - 8)
        print("step 00001 (50.0%) | loss: 3.2 | lrm: 1.00 | dt: 100ms | tok/sec: 1,000 | mfu: 40.0% "
              "| epoch: 1 | remaining: 150s    ", end="\r")
        print("---")
        print(f"val_bpb:          {val_bpb:.6f}")
        print(f"training_seconds: {TIME_BUDGET:.1f}")
        print("total_seconds:    325.9")
        print("peak_vram_mb:     45060.2")
        print("mfu_percent:      39.80")
        print("total_tokens_M:   499.6")
        print("num_steps:        953")
        print("num_params_M:     50.3")
        print(f"depth:            {DEPTH}")

        """;

    [Fact]
    public async Task Loop_BranchResultsKeepAndReset_BehaveAsProgramMdSays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/python3"), "needs python3");
        using var repository = await TestRepository.CreateAsync(("prepare.py", "TIME_BUDGET = 300\n"), ("train.py", Train),
            ("program.md", "# autoresearch\nEdit train.py, lower val_bpb.\n"), ("pyproject.toml", "[project]\n"),
            (".gitignore", "__pycache__/\nresults.tsv\nrun.log\n"));
        await using var workspace = await GitWorkspace.OpenAsync(repository.Root, new()
        {
            Tag = "mar5",
            Editable = ["train.py"],
            WorktreesDirectory = repository.Worktrees,
            ResultsDirectory = repository.Root,
        }, TestContext.Current.CancellationToken);
        await using var runner = new ProcessRunner("/usr/bin/python3 train.py",
            new() { Workspace = workspace, Sandbox = Sandbox.None("a test") });
        string[] replies =
        [
            Chats.Edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05", "raise the matrix LR"),
            Chats.Edit("MATRIX_LR = 0.05", "MATRIX_LR = 0.02", "lower the matrix LR"),
            Chats.Edit("DEPTH = 8", "DEPTH = -1", "no depth"),
            Chats.Edit("DEPTH = 8", "DEPTH = 10", "two more layers"),
            Chats.Edit("DEPTH = 10", "DEPTH = 16", "many more layers"),
            Chats.Write("prepare.py", "TIME_BUDGET = 3000\n", "more time"),
        ];
        var problem = new ResearchProblem("autoresearch")
        {
            Objective = Objective.Minimize("val_bpb"),
            Baseline = workspace.Baseline(),
            Editable = workspace.Editable,
            Budget = Budget.TrainingTime(TimeSpan.FromMinutes(5)),
            Instructions = repository["program.md"],
        };
        var client = new ScriptedChatClient(replies);
        await using var loop = ResearchLoop.Create(problem).ProposeWith(new ChatProposer(client, new() { MaxRepairs = 0 }))
            .RunWith(runner)
            .AcceptWith(new GreedyRatchet()).CommitTo(workspace)
            .Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds, o.MaxTrials) = (1, 0, 0, replies.Length)).Build();

        await loop.RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();

        var commits = await workspace.GetCommitsAsync(TestContext.Current.CancellationToken);
        Assert.Equal("two more layers\nraise the matrix LR\nbegin",
            await repository.GitAsync("log", "--format=%s", "autoresearch/mar5"));
        Assert.Equal("train.py", await repository.GitAsync("diff", "--name-only", "master", "autoresearch/mar5"));
        Assert.Contains("MATRIX_LR = 0.05\nDEPTH = 10", await repository.GitAsync("show", "autoresearch/mar5:train.py"),
            StringComparison.Ordinal);
        Assert.Equal("", await repository.GitAsync("status", "--porcelain"));
        var results = repository["results.tsv"].TrimEnd('\n').Split('\n');
        Assert.Equal(
            [
                "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
                $"{commits[0][..7]}\t1.001900\t44.0\tkeep\tbaseline",
                $"{commits[1][..7]}\t0.998900\t44.0\tkeep\traise the matrix LR",
                $"{Tree(2)}\t1.013900\t44.0\tdiscard\tlower the matrix LR",
                $"{Tree(3)}\t0.000000\t0.0\tcrash\tno depth",
                $"{commits[2][..7]}\t0.994900\t44.0\tkeep\ttwo more layers",
                $"{Tree(5)}\t0.000000\t0.0\tcrash\tmany more layers",
            ], results);
        Assert.Equal(RunOutcome.OutOfMemory, loop.History.Trials[4].Runs[0].Result.Outcome);
        Assert.IsType<InvalidChange>(loop.History.Trials[5].Hypothesis.Change);
        Assert.Contains("depth must be positive", client.Requests[3].Text, StringComparison.Ordinal);
        Assert.True((await workspace.VerifyAsync(loop.History, TestContext.Current.CancellationToken)).IsValid);

        string Tree(int trial) => workspace.TreeOf(loop.History.Trials[trial - 1].Candidate!)[..7];
    }
}
