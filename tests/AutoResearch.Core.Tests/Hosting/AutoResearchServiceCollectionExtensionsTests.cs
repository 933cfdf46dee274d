using AutoResearch.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AutoResearch.Tests;

public sealed class AutoResearchServiceCollectionExtensionsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AddAutoResearch_PartsInTheServices_AreUsed()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var provider = new ServiceCollection()
            .AddSingleton<IHypothesisProposer>(ScriptedProposer.Values("x", 1))
            .AddSingleton<IExperimentRunner>(Loops.Score(x => 1 - x))
            .AddSingleton<IRatchetAcceptor>(new GreedyRatchet())
            .AddSingleton<TimeProvider>(clock)
            .AddSingleton<IApprovalGate>(
                new DelegateApprovalGate((_, _) => Task.FromResult(new ApprovalAnswer(false, "ann", "not now"))))
            .AddAutoResearch(Loops.Problem)
            .BuildServiceProvider();
        var loop = provider.GetRequiredService<ResearchLoop>();
        Assert.Same(loop, provider.GetRequiredService<ResearchLoop>());
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(clock.Start, loop.History.StartTime);
        Assert.Single(loop.History.Trials[0].Runs); // the greedy rule, not the default
        Assert.Equal("not approved to be kept, by ann: not now", loop.History.Trials[0].Verdict!.Reason);
    }

    [Fact]
    public async Task AddAutoResearch_Configure_GoesBeforeTheServices()
    {
        var mine = Loops.Score(x => 1 + x);
        await using var provider = new ServiceCollection()
            .AddSingleton<IExperimentRunner>(Loops.Score(_ => throw new InvalidOperationException("not me")))
            .AddAutoResearch(Loops.Problem, (_, builder) => builder.RunWith(mine).ProposeWith(ScriptedProposer.Values("x")))
            .BuildServiceProvider();
        await provider.GetRequiredService<ResearchLoop>().RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(3, mine.Experiments.Count);
    }

    [Fact]
    public async Task AddKeyedAutoResearch_TwoLoops_AreTwo()
    {
        await using var provider = new ServiceCollection()
            .AddSingleton<IHypothesisProposer>(ScriptedProposer.Counting("x"))
            .AddSingleton<IExperimentRunner>(Loops.Score(x => x))
            .AddKeyedAutoResearch("a", Loops.Problem).AddKeyedAutoResearch("b", Loops.Problem with { Instructions = "other" })
            .BuildServiceProvider();
        Assert.Equal("", provider.GetRequiredKeyedService<ResearchLoop>("a").Problem.Instructions);
        Assert.Equal("other", provider.GetRequiredKeyedService<ResearchLoop>("b").Problem.Instructions);
    }

    [Fact]
    public async Task AddAutoResearch_PartMissing_SaysWhich()
    {
        await using var provider = new ServiceCollection().AddAutoResearch(Loops.Problem).BuildServiceProvider();
        Assert.Contains("proposer", Assert.Throws<InvalidOperationException>(provider.GetRequiredService<ResearchLoop>).Message,
            StringComparison.Ordinal);
    }
}
