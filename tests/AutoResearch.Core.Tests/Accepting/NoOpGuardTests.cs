using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class NoOpGuardTests
{
    private static async Task<Verdict> JudgeAsync(Func<Experiment, RunResult> run, IRatchetAcceptor? inner = null, int value = 1)
    {
        var runner = new ScriptedRunner(run);
        var events = await Loops.Build(ScriptedProposer.Values("x", value), runner).AcceptWith(new NoOpGuard(inner ?? new GreedyRatchet()))
            .Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
        return events.Verdicts()[0];
    }

    private static RunResult Result(Experiment e, double loss, string? program = null, Func<int, double>? curve = null) => Loops.Completed(loss) with
    {
        Hashes = program is null ? null : new Dictionary<string, string> { [NoOpGuard.ProgramHash] = program },
        Curve = curve is null ? null : [.. Enumerable.Range(0, 8).Select(i => new Measurement("train_loss", curve(i) + (e.Seed % 97), i, TimeSpan.FromSeconds(e.Seed % 7)))],
    };

    /// <summary>Asks for a confirming run and a control, which share a seed, then accepts.</summary>
    private sealed class Confirming : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken) => ValueTask.FromResult<Verdict>(
            comparison.Trial.Runs.Count < 2 ? new NeedMore(Arm.Candidate) { Reason = "more" }
            : Evidence.Of(comparison).Controls.Count < 1 ? new NeedMore(Arm.Incumbent) { Reason = "more" }
            : new Accept { Reason = "better" });
    }

    [Fact]
    public async Task JudgeAsync_SameLossTraceWithTheSameSeed_IsRejected()
    {
        var verdict = await JudgeAsync(e => Result(e, e.Trial == 0 ? 1 : 0.5, curve: i => 1.0 / (i + 1)), new Confirming());

        Assert.Contains("no effect: the loss trace", Assert.IsType<Reject>(verdict).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_AnotherLossTrace_IsLeftToTheInner() =>
        Assert.IsType<Accept>(await JudgeAsync(e => Result(e, e.Trial == 0 ? 1 : 0.5, curve: i => (Loops.X(e) * 1e-9) + (1.0 / (i + 1))), new Confirming()));

    [Fact]
    public async Task JudgeAsync_SameProgramWithOtherParameters_IsLeftToTheInner() =>
        Assert.IsType<Accept>(await JudgeAsync(e => Result(e, e.Trial == 0 ? 1 : 0.5, "p")));

    [Fact]
    public async Task JudgeAsync_SameCompiledProgram_IsRejectedWhateverItsScore()
    {
        var problem = Chats.Problem with { Objective = Objective.Minimize("loss") };
        var runner = new ScriptedRunner(e => Result(e, e.Trial == 0 ? 1 : 0.5, "same"));
        var events = await Loops.Build(new ScriptedProposer(s => s.NextTrial > 1 ? null : Chats.Idea("x", Chats.Replace("lr = 0.02", "lr = 2e-2"))), runner, problem: problem)
            .AcceptWith(new NoOpGuard(new GreedyRatchet())).Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();

        Assert.Contains("the compiled program", Assert.IsType<Reject>(events.Verdicts()[0]).Reason, StringComparison.Ordinal);
    }
}
