namespace AutoResearch.Core.Tests.Running;

public sealed class ExperimentTests
{
    private static readonly Budget s_budget = new()
    {
        Training = TimeSpan.FromSeconds(100), Wall = TimeSpan.FromSeconds(500), Steps = 1000, Tokens = 64_000, Flops = 1e15,
        MemoryBytes = 1 << 30,
    };

    [Fact]
    public void ScaledBudget_LowerFidelity_SharesTheWorkAndKeepsTheGuards() => Assert.Equal(
        s_budget with { Training = TimeSpan.FromSeconds(25), Steps = 250, Tokens = 16_000, Flops = 2.5e14 },
        Of(0.25).ScaledBudget());

    [Fact]
    public void ScaledBudget_FullOrUnlimited_IsTheBudget()
    {
        Assert.Same(s_budget, Of(1).ScaledBudget());
        Assert.Equal(Budget.Unlimited, (Of(0.5) with { Budget = Budget.Unlimited }).ScaledBudget());
        Assert.Equal(1, (Of(0.0001) with { Budget = Budget.OfSteps(3) }).ScaledBudget().Steps);
    }

    [Fact]
    public void ScaledBudget_IsWhatAProgramIsTold()
    {
        var values = CommandLine.ValuesOf(Of(0.25), "/run");
        Assert.Equal(("25", "500", "250", "16000", "250000000000000"),
            (values["training_seconds"], values["wall_seconds"], values["steps"], values["tokens"], values["flops"]));
    }

    private static Experiment Of(double fidelity) =>
        new() { Id = "e1", Candidate = Candidate.Of(), Seed = 1, Budget = s_budget, Fidelity = fidelity };
}
