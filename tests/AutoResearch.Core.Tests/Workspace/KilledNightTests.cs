using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using AutoResearch.Testing;

namespace AutoResearch.Tests;

/// <summary>
/// The same night in a process of its own, which is killed with <c>kill -9</c> again and again, wherever it may be.
/// </summary>
public sealed class KilledNightTests
{
    private const string Variable = "AUTORESEARCH_NIGHT";
    private static readonly int[] s_kills = [3, 40, 75, 76, 110, 150];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Night_ProcessIsKilledAgainAndAgain_EndsWithVerifiedCommitsAndAnExactLedger()
    {
        var program = Environment.ProcessPath!;
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Path.GetFileName(program) == typeof(KilledNightTests).Assembly.GetName().Name,
            "needs this assembly as a program");
        using var repository = await TestRepository.CreateAsync(("train.py", "a = 0\nb = 0\n"), ("prepare.py", "fixed\n"));
        using var run = new TemporaryDirectory();
        using var provider = new Provider(Path.Combine(run.Path, "s"));
        var (kills, random) = (0, new Random(7));
        while (true)
        {
            using var night = Process.Start(new ProcessStartInfo(program,
                ["-explicit", "only", "-method", "*KilledNightTests.Worker"])
            {
                RedirectStandardOutput = true,
                Environment =
                    { [Variable] = JsonSerializer.Serialize(new[] { repository.Root, repository.Worktrees, run.Path }) },
            })!;
            var output = night.StandardOutput.ReadToEndAsync(Stop);
            if (kills < s_kills.Length)
            {
                await provider.WaitForCallsAsync(s_kills[kills], night.WaitForExitAsync(Stop));
                Assert.False(night.HasExited, night.HasExited ? await output : "");
                await Task.Delay(random.Next(40), Stop); // anywhere: in a run, in git, in a write, while it waits for an answer
                night.Kill();
                await night.WaitForExitAsync(Stop);
                Assert.Equal(137, night.ExitCode);
                kills++;
                continue;
            }

            await night.WaitForExitAsync(Stop);
            Assert.True(night.ExitCode == 0, await output);
            break;
        }

        var history = await Journal.ReadHistoryAsync(run.Path, Stop);
        Assert.Null(Journal.Verify(run.Path).Problem);
        Assert.Equal((200, StopReason.MaxExperiments), (history.ExperimentsFinished, history.Stop!.Reason));
        Assert.Equal(history.ExperimentsFinished, history.Trials.SelectMany(t => t.Runs.Concat(t.Controls))
            .Concat(history.BaselineRuns).Select(r => r.Experiment.Id).Distinct().Count());

        // The journal costs what the ledger says. The provider may have billed one answer more for every kill: the one
        // that was on its way.
        using var book = ChatLedger.Open(run.Path);
        Assert.Equal(book.Total.Money, history.MoneySpent);
        Assert.Equal((book.Total.InputTokens, book.Total.OutputTokens),
            (history.ProposalCost.InputTokens, history.ProposalCost.OutputTokens));
        Assert.InRange(provider.Bill.Calls - book.Calls.Count, 0, kills);
        Assert.True(provider.Bill.Outages > 10);

        await using var final = await repository.OpenAsync("night");
        var verification = await final.VerifyAsync(history, Stop);
        Assert.Empty(verification.Problems);
        Assert.Equal(history.Incumbents.Count - 1, verification.Commits);
        Assert.True(verification.Commits > 10);
        Assert.Equal(history.State.Incumbent.Candidate.Source!["train.py"],
            await repository.GitAsync("show", "autoresearch/night:train.py") + "\n");
        Assert.Equal("", await repository.GitAsync("status", "--porcelain"));
    }

    /// <summary>The process that is killed; run by the test above only.</summary>
    [Fact(Explicit = true)]
    public async Task Worker()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 }, "is a part of the test above");
        var paths = JsonSerializer.Deserialize<string[]>(Environment.GetEnvironmentVariable(Variable)!)!;
        await using var workspace = await GitWorkspace.OpenAsync(paths[0],
            new() { Tag = "night", Editable = ["train.py"], WorktreesDirectory = paths[1] }, Stop);
        using var ledger = ChatLedger.Open(paths[2]);
        // Kill -9 spares what the system has
        await using var journal = await Journal.OpenAsync(paths[2], new() { FlushToDisk = false }, Stop);
        var proposer = new ChatProposer(Provider.Client(Path.Combine(paths[2], "s")),
            new() { Ledger = ledger, Prices = Night.Prices, TimeProvider = new Night.RushingClock(), MaxRepairs = 1 });
        var problem = new ResearchProblem("night")
        {
            Objective = Objective.Minimize("loss"),
            Baseline = workspace.Baseline(),
            Editable = workspace.Editable,
        };
        await using var loop = ResearchLoop.Create(problem).ProposeWith(proposer).RunWith(Night.Toy(workspace, worktreeEvery: 4))
            .AcceptWith(new GreedyRatchet()).RecordTo(journal).CommitTo(workspace).Resume()
            .Configure(o => (o.BaselineRuns, o.FinalRuns, o.ClaimRounds, o.MaxExperiments, o.MaxTrialsWithoutRun, o.RetryDelay) =
                (1, 0, 0, 200, 50, TimeSpan.Zero)).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
    }

    /// <summary>The provider, which outlives the loop: one line of JSON in, one out, over a socket.</summary>
    private sealed class Provider : IDisposable
    {
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly Lock _lock = new();
        private readonly SemaphoreSlim _called = new(0);

        public Provider(string path)
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(8);
            _ = ServeAsync();
        }

        public Night.Bill Bill { get; } = new();

        public static ScriptedChatClient Client(string path) => new((messages, _, _) =>
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            using var stream = new NetworkStream(socket);
            using var writer = new StreamWriter(stream) { AutoFlush = true };
            using var reader = new StreamReader(stream);
            writer.WriteLine(JsonSerializer.Serialize(messages[1].Text));
            var parts = JsonSerializer.Deserialize<string[]>(reader.ReadLine() ?? throw new HttpRequestException("closed"))!;
            return parts.Length == 0
                ? throw new HttpRequestException("overloaded", null, (System.Net.HttpStatusCode)529)
                : ScriptedChatClient.Reply(parts[0], int.Parse(parts[1]), int.Parse(parts[2]));
        });

        public async Task WaitForCallsAsync(int calls, Task end)
        {
            while (Bill.Calls < calls && !end.IsCompleted) await Task.WhenAny(end, _called.WaitAsync(Stop));
        }

        public void Dispose()
        {
            _listener.Dispose();
            _called.Dispose();
        }

        private async Task ServeAsync()
        {
            while (true)
            {
                try
                {
                    using var socket = await _listener.AcceptAsync();
                    using var stream = new NetworkStream(socket);
                    using var reader = new StreamReader(stream);
                    using var writer = new StreamWriter(stream) { AutoFlush = true };
                    if (await reader.ReadLineAsync() is not { } prompt) continue;
                    await writer.WriteLineAsync(JsonSerializer.Serialize(Answer(JsonSerializer.Deserialize<string>(prompt)!)));
                    _called.Release();
                }
                catch (IOException)
                {
                    // killed in the middle of a question
                }
                catch (Exception e) when (e is ObjectDisposedException or SocketException)
                {
                    return; // over
                }
            }
        }

        private string[] Answer(string prompt)
        {
            try
            {
                lock (_lock)
                {
                    var response = Bill.Answer(prompt);
                    return [response.Text, $"{response.Usage!.InputTokenCount}", $"{response.Usage.OutputTokenCount}"];
                }
            }
            catch (HttpRequestException)
            {
                return [];
            }
        }
    }
}
