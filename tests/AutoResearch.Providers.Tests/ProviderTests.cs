using System.Text.Json;
using Answer = AutoResearch.Tests.LoopbackServer.Answer;

namespace AutoResearch.Tests;

/// <summary>The chat proposer over the real SDKs, against servers on the loopback that speak their wire format.</summary>
public sealed class ProviderTests
{
    private const string Good = """
        {"title":"higher rate","rationale":"faster","expected_gain":0.01,"note":null,"parameters":[],
        "edits":[{"path":"train.py","kind":"replace","search":"lr = 1","replace":"lr = 2","content":null}]}
        """;

    public static TheoryData<string> Providers => ["anthropic", "openai"];

    private static ResearchState State { get; } = NewState();

    private static ResearchState NewState()
    {
        var baseline = new Candidate { Source = new SourceTree([new("train.py", "lr = 1\n")]) };
        var problem =
            new ResearchProblem("toy") { Objective = Objective.Minimize("loss"), Baseline = baseline, Editable = ["train.py"] };
        return new(problem, new Incumbent { Candidate = baseline, Runs = [] }, [], 1);
    }

    private static async Task<(Hypothesis Hypothesis, ChatProposer Proposer, LoopbackServer Server)> AskAsync(
        string provider, Func<Wire, int, Answer> script, Action<ChatProposerOptions>? configure = null)
    {
        var wire = Wire.Of(provider);
        var server = new LoopbackServer((_, call) => script(wire, call));
        var options = new ChatProposerOptions
        {
            Prices = new PriceTable([new("mind-1", new(3, 15))]),
            RetryDelay = TimeSpan.FromMilliseconds(1),
            MaxRetryDelay = TimeSpan.FromMilliseconds(5),
            MaxOutage = TimeSpan.FromSeconds(30),
            IsTransient = provider == "anthropic" ? Samples.AnthropicFailures.IsTransient : null,
        };
        configure?.Invoke(options);
        var proposer = new ChatProposer(wire.Client(server.Url), options);
        try
        {
            return ((await proposer.ProposeAsync(State, TestContext.Current.CancellationToken))!, proposer, server);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_Answer_BecomesAHypothesisWithItsCost(string provider)
    {
        var (hypothesis, proposer, server) = await AskAsync(provider, (wire, _) => wire.Reply(Good));

        Assert.Equal(("higher rate", "mind-1"), (hypothesis.Title, proposer.Name));
        Assert.Equal((1200, 34, ((1200 * 3) + (34 * 15)) / 1_000_000m),
            (hypothesis.Cost.InputTokens, hypothesis.Cost.OutputTokens, hypothesis.Cost.Money));
        Assert.Equal("mind-1-0501", hypothesis.Provenance!.Model);
        var (path, body) = Assert.Single(server.Requests);
        Assert.Equal(provider == "anthropic" ? "/v1/messages" : "/v1/chat/completions", path);
        Assert.Contains("additionalProperties", body, StringComparison.Ordinal); // the schema travels
        Assert.Contains("16384", body, StringComparison.Ordinal);
        using var request = JsonDocument.Parse(body);
        Assert.Contains("lr = 1", request.RootElement.GetProperty("messages").ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_Streaming_GivesTheSame(string provider)
    {
        var (hypothesis, _, server) = await AskAsync(provider, (wire, _) => wire.Stream(Good), o => o.Stream = true);

        Assert.Equal(("higher rate", 1200, 34), (hypothesis.Title, hypothesis.Cost.InputTokens, hypothesis.Cost.OutputTokens));
        Assert.Contains("\"stream\":true", Assert.Single(server.Requests).Body.Replace(" ", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_StreamCutOff_IsAskedAgain(string provider)
    {
        var (hypothesis, _, server) = await AskAsync(provider, (wire, call) => wire.Stream(Good, cut: call == 1),
            o => o.Stream = true);

        Assert.Equal(("higher rate", 2), (hypothesis.Title, server.Requests.Count));
    }

    [Theory]
    [InlineData("anthropic", 429)]
    [InlineData("anthropic", 529)]
    [InlineData("anthropic", 500)]
    [InlineData("openai", 429)]
    [InlineData("openai", 529)]
    [InlineData("openai", 503)]
    public async Task Propose_BusyProvider_IsWaitedForAndCostsNothing(string provider, int status)
    {
        var (hypothesis, proposer, server) = await AskAsync(provider,
            (wire, call) => call <= 3 ? Wire.Failure(status) : wire.Reply(Good));

        Assert.Equal((4, 1, "higher rate"), (server.Requests.Count, proposer.Ledger.Calls.Count, hypothesis.Title));
    }

    [Theory]
    [InlineData("anthropic", 401)]
    [InlineData("anthropic", 400)]
    [InlineData("openai", 401)]
    [InlineData("openai", 404)]
    public async Task Propose_WrongRequest_IsNotRepeated(string provider, int status)
    {
        var calls = 0;

        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(provider, (_, call) =>
        {
            calls = call;
            return Wire.Failure(status);
        }));

        Assert.Equal(1, calls);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_BodyThatIsNoJson_IsAskedAgain(string provider)
    {
        var (hypothesis, _, server) = await AskAsync(provider,
            (wire, call) => call == 1 ? new(200, "<html>gateway</html>") : wire.Reply(Good));

        Assert.Equal(("higher rate", 2), (hypothesis.Title, server.Requests.Count));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_AnswerThatIsNoJson_IsRepairedAndPaidFor(string provider)
    {
        var (hypothesis, _, server) = await AskAsync(provider,
            (wire, call) => wire.Reply(call == 1 ? "Let me think about it." : Good));

        Assert.Equal((1, 2400), (hypothesis.Provenance!.Repairs, hypothesis.Cost.InputTokens));
        Assert.Contains("holds no JSON object", server.Requests.Last().Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_Truncated_IsAskedToBeBriefer(string provider)
    {
        var (hypothesis, proposer, server) = await AskAsync(provider,
            (wire, call) => call == 1 ? wire.Reply(Good[..60], "length") : wire.Reply(Good));

        Assert.Equal(1, hypothesis.Provenance!.Repairs);
        Assert.Equal("length", proposer.Ledger.Calls[0].FinishReason);
        Assert.Contains("cut off at 16384 tokens", server.Requests.Last().Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_Refusal_IsRecordedAsInvalid(string provider)
    {
        var (hypothesis, _, server) = await AskAsync(provider, (wire, _) => wire.Refusal(), o => o.MaxRepairs = 1);

        Assert.Contains("refused", Assert.IsType<InvalidChange>(hypothesis.Change).Reason, StringComparison.Ordinal);
        Assert.Equal((2, 2400), (server.Requests.Count, hypothesis.Cost.InputTokens));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_ServerThatNeverAnswers_TimesOutAndIsAskedAgain(string provider)
    {
        var (hypothesis, _, server) = await AskAsync(provider, (wire, call) => call == 1 ? new(200, null) : wire.Reply(Good),
            o => o.CallTimeout = TimeSpan.FromSeconds(2));

        Assert.Equal(("higher rate", 2), (hypothesis.Title, server.Requests.Count));
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Propose_DeadServer_IsAnOutage(string provider)
    {
        var server = new LoopbackServer((_, _) => throw new InvalidOperationException());
        var url = server.Url;
        await server.DisposeAsync();
        var proposer = new ChatProposer(Wire.Of(provider).Client(url), new() { MaxOutage = TimeSpan.Zero });

        await Assert.ThrowsAsync<ProviderOutageException>(async () =>
            await proposer.ProposeAsync(State, TestContext.Current.CancellationToken));
    }
}
