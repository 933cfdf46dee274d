using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class ScriptedRunnerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static Experiment Experiment(int number) =>
        new() { Id = $"e{number}", Candidate = Candidate.Of(("x", number)), Seed = number, Budget = Budget.Unlimited };

    [Fact]
    public async Task Scores_InOrder_ThenThrows()
    {
        var runner = ScriptedRunner.Scores("loss", 3, 2);
        Assert.Equal(3, (await runner.RunAsync(Experiment(1), null, Stop)).Metrics["loss"]);
        Assert.Equal(2, (await runner.RunAsync(Experiment(2), null, Stop)).Metrics["loss"]);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await runner.RunAsync(Experiment(3), null, Stop));
        Assert.Equal(["e1", "e2", "e3"], runner.Experiments.Select(e => e.Id));
    }

    [Fact]
    public async Task WaitForStartAsync_SecondRun_CompletesThen()
    {
        var runner = ScriptedRunner.Score("loss", _ => 1);
        var second = runner.WaitForStartAsync(2, Stop);
        await runner.RunAsync(Experiment(1), null, Stop);
        Assert.False(second.IsCompleted);
        await runner.RunAsync(Experiment(2), null, Stop);
        await second;
    }
}
