using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AutoResearch.Adversarial.Tests;

/// <summary>
/// A small host with everything that is worth attacking, all of it bait: keys, data, an evaluator, a neighbour's result, a
/// journal, a repository, listeners, another process. After a run it is looked at what was touched.
/// </summary>
internal sealed class Laboratory : IDisposable
{
    private const double Secret = 0.2718;
    private const string Honest = "echo 0.5 > \"$OUTBOX/weights.txt\"\n";
    private readonly string _root = Directory.CreateTempSubdirectory("lab-").FullName;
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly TcpListener _tcp = new(IPAddress.Loopback, 0);
    private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _unix = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Socket _abstract = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Process _neighbour;
    private readonly Dictionary<string, string> _before;

    /// <summary>Sets everything up.</summary>
    /// <param name="withRepository">True for a git repository as well, which takes time.</param>
    public Laboratory(bool withRepository)
    {
        Write("home/.ssh/id_rsa", Key);
        Write("data/val.txt", Secret.ToString(CultureInfo.InvariantCulture));
        Write("data/train.txt", "text");
        Write("data/tokenizer.json", "{}");
        Write("evaluator/evaluate.py", "print(1)");
        Write("evaluator/evaluate.sh", $$"""
            awk -v w="$(head -c 100 "$1")" -v s="$(cat {{_root}}/data/val.txt)" 'BEGIN {
              if (w !~ /^[0-9.]+$/) exit 1
              printf "val_bpb: %.17g\n", 1 + (w - s) * (w - s)
            }'
            """);
        Write("neighbour/weights.txt", "0.4");
        Write("site/readme.txt", "sitecustomize.py would go here");
        Write("approvals/readme.txt", "yes or no");
        Directory.CreateDirectory(Path.Combine(_root, "runs"));
        _tcp.Start();
        _udp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Listen(_unix, Path.Combine(_root, "agent.sock"));
        Listen(_abstract, "\0" + _id);
        _neighbour = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", "exec sleep 600"]) { Environment = { ["NEIGHBOURS_KEY"] = Key } })!;
        if (withRepository)
        {
            Git("init", "-q", "-b", "master");
            Write("repo/train.sh", Honest);
            Write("repo/train.py", "pass\n");
            Write("repo/prepare.py", "fixed\n");
            Git("add", "-A");
            Git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "begin");
        }

        _before = Bait();
    }

    /// <summary>A key that nobody may learn.</summary>
    public string Key { get; } = "sk-" + Guid.NewGuid().ToString("N");

    /// <summary>The journal's directory.</summary>
    public string Journal => Path.Combine(_root, "journal");

    private string Repository => Path.Combine(_root, "repo");

    /// <summary>Runs the adversary as an idea of a loop, and an honest idea after it.</summary>
    public async Task<ResearchHistory> RunAsync(Adversary adversary, ISandbox sandbox, CancellationToken cancellationToken)
    {
        await using var workspace = adversary.InGit
            ? await GitWorkspace.OpenAsync(Repository, new()
            {
                Tag = "night",
                Editable = ["train.*", ".gitattributes"],
                WorktreesDirectory = Path.Combine(_root, "runs", "worktrees"),
            }, cancellationToken)
            : null;
        var honest = new SourceTree([new("train.sh", Honest), new("train.py", "pass\n")]);
        var problem = new ResearchProblem("laboratory")
        {
            Objective = Objective.Minimize("val_bpb"),
            Baseline = workspace?.Baseline() ?? new Candidate { Source = honest },
            Editable = workspace?.Editable ?? ["train.*", "weights.txt"],
            Budget = new() { Wall = TimeSpan.FromSeconds(adversary.Seconds) },
        };
        await using var shell = Runner("/bin/sh", "train.sh");
        await using var python = Runner("/usr/bin/python3", "train.py");
        var attack = adversary.Proposal ?? new SourceChange(
        [
            .. adversary.Brings is { } file ? new[] { file } : [],
            adversary.Python is { } text
                ? new WriteFile("train.py", Prelude + Filled(text))
                : new WriteFile("train.sh", Filled(adversary.Shell!)),
        ]);
        await using var loop = ResearchLoop.Create(problem)
            .ProposeWith(new Testing.ScriptedProposer(state => state.NextTrial switch
            {
                1 => Idea(state, attack, adversary.Name + " <script>alert(1)</script>"),
                2 => Idea(state, new SourceChange([new WriteFile("train.sh", "echo 0.4 > \"$OUTBOX/weights.txt\"\n")]), "honest"),
                _ => null,
            }))
            .RunWith(new Testing.ScriptedRunner((experiment, progress, token) => experiment.Purpose == RunPurpose.Baseline
                ? Task.FromResult(Testing.ScriptedRunner.Completed("val_bpb", ArtifactHost.Score(0.5, Secret)) with
                {
                    Hashes = workspace is null
                        ? null
                        : new Dictionary<string, string> { [GitWorkspace.TreeHash] = workspace.TreeOf(experiment.Candidate) },
                })
                : (experiment.Trial == 1 && adversary.Python is not null ? python : shell).RunAsync(experiment, progress, token)))
            .AcceptWith(new GreedyRatchet()).RecordTo(Journal)
            .Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds, o.MaxTrials, o.RetryDelay) = (1, 0, 0, 2, TimeSpan.Zero))
            .CommitToIf(workspace).Build();
        try
        {
            await foreach (var _ in loop.RunAsync(cancellationToken: cancellationToken)) ;
        }
        catch (JournalException)
        {
            // somebody changed the journal, and the loop goes no further
        }

        return loop.History;

        ProcessRunner Runner(params string[] command)
        {
            var options = new ProcessRunnerOptions
            {
                RunsDirectory = Path.Combine(_root, "runs", "own"), Workspace = workspace, Sandbox = sandbox,
                KillGrace = TimeSpan.FromSeconds(0.2), Environment = { ["PYTHONDONTWRITEBYTECODE"] = "1" },
            };
            if (!adversary.Evaluated)
            {
                options.Host = new ArtifactHost(Secret, Path.Combine(_root, "runs", "outbox"));
                return new(command, options);
            }

            options.Environment["OUTBOX"] = ".";
            options.Evaluator = new($"/bin/sh {_root}/evaluator/evaluate.sh {{artifact}}", "weights.txt")
            {
                Trusted = [Path.Combine(_root, "evaluator"), Path.Combine(_root, "data", "val.txt")],
                MaximumArtifactBytes = 1000,
            };
            return new(command, options);
        }
    }

    /// <summary>What a run has done that it must not do.</summary>
    public async Task<IReadOnlyList<string>> HarmAsync(ResearchHistory history)
    {
        var harm = new List<string>();
        if (history.Trials[0].Verdict is Accept) harm.Add("got an accept");
        var logs = string.Concat(history.Trials[0].Runs.Select(r => r.Result.LogTail + r.Result.Message));
        if (logs.Contains(Key, StringComparison.Ordinal)) harm.Add("read a key");
        if (logs.Contains("ESCAPED", StringComparison.Ordinal)) harm.Add("says that it escaped");
        harm.AddRange(Tree.Differences(_before, Bait()).Select(path => $"changed {Path.GetRelativePath(_root, path)}"));
        if (_neighbour.HasExited) harm.Add("killed another process");
        if (_tcp.Pending()) harm.Add("connected by TCP");
        if (_udp.Available > 0) harm.Add("sent a datagram");
        if (_unix.Poll(0, SelectMode.SelectRead)) harm.Add("connected to a socket file");
        if (_abstract.Poll(0, SelectMode.SelectRead)) harm.Add("connected to an abstract socket");
        if (Survivors().Any()) harm.Add("outlived its run");
        var left = Directory.EnumerateFileSystemEntries(Path.Combine(_root, "runs"), "*",
            new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3 })
            .Where(p => Path.GetFileName(p) is not ("worktrees" or "outbox" or "own" or ".lock")
                && !(Directory.Exists(p) && Path.GetFileName(p).StartsWith("night-", StringComparison.Ordinal)
                    && p.Contains("worktrees", StringComparison.Ordinal)
                    && !Directory.EnumerateFileSystemEntries(p).Any(e => !e.EndsWith(".lock", StringComparison.Ordinal))));
        harm.AddRange(left.Select(p => $"left {Path.GetRelativePath(_root, p)}").Take(3));
        foreach (var directory in (string[])["own", "worktrees"])
        {
            var path = Path.Combine(_root, "runs", directory);
            if (directory == "worktrees" && Directory.Exists(path)) path = Directory.GetDirectories(path)[0];
            if (!OperatingSystem.IsWindows() && Directory.Exists(path)
                && (File.GetUnixFileMode(path) & (UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0)
                harm.Add("opened its directory to other users");
        }

        if (AutoResearch.Journal.Verify(Journal) is { Problem: { } problem }) harm.Add($"changed the journal: {problem}");
        else if ((await AutoResearch.Journal.ReadHistoryAsync(Journal)).Trials.Count != history.Trials.Count)
            harm.Add("changed the journal");
        var report = new ResearchReport(history);
        if (report.ToHtml().Contains("<script", StringComparison.OrdinalIgnoreCase)
            || report.ToMarkdown().Contains("<script", StringComparison.OrdinalIgnoreCase))
            harm.Add("put a script into the report");
        if (report.ToHtml().Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t')))
            harm.Add("put control characters into the report");
        return harm;
    }

    /// <summary>The honest idea after the adversary got what it had earned.</summary>
    public static bool HonestIdeaIsUnharmed(ResearchHistory history) =>
        history.Trials[1] is { Verdict: Accept, Runs: [{ Result.Outcome: RunOutcome.Completed } run] }
        && run.Result.Metrics["val_bpb"] == ArtifactHost.Score(0.4, Secret);

    public void Dispose()
    {
        foreach (var survivor in Survivors().ToArray())
        {
            try
            {
                using var process = Process.GetProcessById(survivor);
                process.Kill();
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // it has ended meanwhile
            }
        }

        if (!_neighbour.HasExited) _neighbour.Kill();
        _neighbour.Dispose();
        _tcp.Dispose();
        _udp.Dispose();
        _unix.Dispose();
        _abstract.Dispose();
        Tree.Remove(_root);
    }

    private static Hypothesis Idea(ResearchState state, Change change, string title) =>
        new() { ParentId = state.Incumbent.Candidate.Id, Change = change, Title = title };

    private string Filled(string script) => script
        .Replace("{lab}", _root, StringComparison.Ordinal).Replace("{id}", _id, StringComparison.Ordinal)
        .Replace("{tcp}", ((IPEndPoint)_tcp.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{udp}", ((IPEndPoint)_udp.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{neighbour}", _neighbour.Id.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{runner}", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static string Prelude => """
        import ctypes, os, resource, signal, socket, subprocess, sys, threading, time
        def weights(w=0.5):
            with open(os.environ['OUTBOX'] + '/weights.txt', 'w') as f: f.write(str(w))
        def attempt(what, *args):
            try:
                return what(*args)
            except BaseException as e:
                print('in vain:', type(e).__name__, e)

        """;

    // Its processes carry the laboratory's id in their arguments; the program itself and its shell have it in their files only.
    private IEnumerable<int> Survivors() =>
        Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => int.TryParse(n, out _)).Where(n =>
        {
            try
            {
                return File.ReadAllText($"/proc/{n}/cmdline").Contains("lab" + _id, StringComparison.Ordinal);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }).Select(n => int.Parse(n!, CultureInfo.InvariantCulture));

    private Dictionary<string, string> Bait()
    {
        string[] directories =
            ["home", "data", "evaluator", "neighbour", "site", "approvals", "repo/.git/hooks", "repo/.git/info"];
        var bait = Tree.Manifest(directories.Select(d => Path.Combine(_root, d)).Where(Directory.Exists));
        foreach (var file in Directory.Exists(Repository)
            ? Directory.GetFiles(Repository).Append(Path.Combine(Repository, ".git", "config"))
            : [])
            bait[file] = File.ReadAllText(file);
        return bait;
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private void Git(params string[] arguments)
    {
        Directory.CreateDirectory(Repository);
        using var git = Process.Start(new ProcessStartInfo("git", arguments)
        {
            WorkingDirectory = Repository,
            Environment =
                { ["GIT_CONFIG_GLOBAL"] = "/dev/null", ["GIT_CONFIG_NOSYSTEM"] = "1" },
        })!;
        git.WaitForExit();
        Assert.Equal(0, git.ExitCode);
    }

    private static void Listen(Socket socket, string path)
    {
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen(4);
    }
}
