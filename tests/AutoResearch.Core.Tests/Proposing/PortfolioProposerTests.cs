using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class PortfolioProposerTests
{
    private static ScriptedProposer Always() =>
        new(s => Chats.Idea("x", Chats.Replace("lr = 0.02", $"lr = {s.NextTrial}"), s.Incumbent.Candidate));

    private static (Hypothesis, RunResult, Verdict) Trial(string proposer, double gain, decimal money, int i) =>
        (Chats.Idea("x", Chats.Replace("range(100)", $"range({i})")) with { Proposer = proposer, Cost = new(money) },
            ScriptedRunner.Completed("loss", 1 - gain), Chats.No());

    [Fact]
    public async Task ProposeAsync_GainPerMoney_DecidesAndFollowsFromTheHistory()
    {
        var problem = Chats.Problem;
        var trials = new List<(Hypothesis, RunResult, Verdict)>();
        for (var i = 0; i < 20; i++) trials.Add(Trial(i % 2 == 0 ? "cheap" : "dear", 0, i % 2 == 0 ? 0.01m : 1m, i + 200));
        var state = Chats.State(problem, [.. trials, Win("cheap", 0.01m, 500)]);
        var rich = Chats.State(problem, [.. trials, Win("dear", 0.01m, 500)]);

        var portfolio = new PortfolioProposer([new("cheap", Always()), new("dear", Always())], new() { MoneyPerHour = 0 });

        Assert.Equal("cheap", (await portfolio.ProposeAsync(state, TestContext.Current.CancellationToken))!.Proposer);
        Assert.Equal("dear", (await portfolio.ProposeAsync(rich, TestContext.Current.CancellationToken))!.Proposer);
        Assert.Equal("dear", (await new PortfolioProposer(portfolio.Members, new() { MoneyPerHour = 0 }).ProposeAsync(rich,
            TestContext.Current.CancellationToken))!.Proposer);

        static (Hypothesis, RunResult, Verdict) Win(string who, decimal money, int i) =>
            (Chats.Idea("win", Chats.Replace("range(100)", $"range({i})")) with { Proposer = who, Cost = new(money) },
                ScriptedRunner.Completed("loss", 0.5), Chats.Yes());
    }

    [Fact]
    public async Task Create_RolesThatMakeNoSense_AreNotTaken()
    {
        var client = new ScriptedChatClient((_, _, call) => ScriptedChatClient.Reply(Chats.Edit("lr = 0.02", $"lr = {call}")));
        var portfolio = PortfolioProposer.Create([("mind", client)]);

        var hypothesis = await portfolio.ProposeAsync(Chats.State(), TestContext.Current.CancellationToken);

        Assert.Equal("mind/explore", hypothesis!.Proposer);
        Assert.Equal("explore", hypothesis.Provenance!.Role);
        Assert.Equal(6, portfolio.Members.Count);
        var crashed = Chats.State(null,
            (Chats.Idea("bad", Chats.Replace("0.02", "nan")), RunResult.Failure(RunOutcome.Crashed, "boom"), Chats.No()));
        Assert.Equal(["mind/explore", "mind/fix"],
            portfolio.Members.Where(m => m.When?.Invoke(crashed) ?? true).Select(m => m.Name));
    }

    [Fact]
    public async Task ProposeAsync_ProviderDown_NextMemberTakesOverAndPaysForBoth()
    {
        var down = new ScriptedChatClient((_, _, call) =>
            call == 1 ? ScriptedChatClient.Reply("garbage", 1000, 100) : throw new HttpRequestException("down"));
        var portfolio = PortfolioProposer.Create([("mind", down)], [ResearchRole.Explore],
            new() { Prices = PriceTable.Flat(5, 5) }, [("random", Always())]);

        var hypothesis = await portfolio.ProposeAsync(Chats.State(), TestContext.Current.CancellationToken);

        Assert.Equal(("random", 0.0055m), (hypothesis!.Proposer, hypothesis.Cost.Money));
    }

    [Fact]
    public async Task ProposeAsync_AllDown_WaitsAndGoesOn()
    {
        var clock = new FakeTimeProvider();
        var client = new ScriptedChatClient((_, _, call) =>
            call <= 2 ? throw new HttpRequestException("down") : ScriptedChatClient.Reply(Chats.Edit("lr = 0.02", "lr = 0.03")));
        var portfolio = PortfolioProposer.Create([("mind", client)], [ResearchRole.Explore], new() { TimeProvider = clock });

        var asking = portfolio.ProposeAsync(Chats.State(), TestContext.Current.CancellationToken).AsTask();
        while (!asking.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        Assert.Equal("mind/explore", (await asking)!.Proposer);
    }

    [Fact]
    public void Constructor_NameTwice_IsNamed() =>
        Assert.Contains("'a'",
            Assert.Throws<ArgumentException>(() => new PortfolioProposer([new("a", Always()), new("a", Always())])).Message,
            StringComparison.Ordinal);
}
