using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class NoOpGuardTests
{
    private static async Task<Verdict> JudgeAsync(Func<Experiment, RunResult> run, IRatchetAcceptor? inner = null, int value = 1)
    {
        var runner = new ScriptedRunner(run);
        var events = await Loops.Build(ScriptedProposer.Values("x", value), runner)
            .AcceptWith(new NoOpGuard(inner ?? new GreedyRatchet()))
            .Build().RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();
        return events.Verdicts()[0];
    }

    private static RunResult Result(Experiment e, double loss, string? program = null, Func<int, double>? curve = null) =>
        Loops.Completed(loss) with
        {
            Hashes = program is null ? null : new Dictionary<string, string> { [NoOpGuard.ProgramHash] = program },
            Curve = curve is null ? null : [.. Enumerable.Range(0, 8)
                .Select(i => new Measurement("train_loss", curve(i) + (e.Seed % 97), i, TimeSpan.FromSeconds(e.Seed % 7)))],
        };

    /// <summary>Asks for a confirming run and a control, which share a seed, then accepts.</summary>
    private sealed class Confirming : IRatchetAcceptor
    {
        public ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Verdict>(comparison.Trial.Runs.Count < 2 ? new NeedMore(Arm.Candidate) { Reason = "more" }
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
        Assert.IsType<Accept>(await JudgeAsync(
            e => Result(e, e.Trial == 0 ? 1 : 0.5, curve: i => (Loops.X(e) * 1e-9) + (1.0 / (i + 1))), new Confirming()));

    [Fact]
    public async Task JudgeAsync_SameProgramWithOtherParameters_IsLeftToTheInner() =>
        Assert.IsType<Accept>(await JudgeAsync(e => Result(e, e.Trial == 0 ? 1 : 0.5, "p")));

    [Fact]
    public async Task JudgeAsync_SameCompiledProgram_IsRejectedWhateverItsScore()
    {
        var problem = Chats.Problem with { Objective = Objective.Minimize("loss") };
        var runner = new ScriptedRunner(e => Result(e, e.Trial == 0 ? 1 : 0.5, "same"));
        var events = await Loops.Build(
            new ScriptedProposer(s => s.NextTrial > 1 ? null : Chats.Idea("x", Chats.Replace("lr = 0.02", "lr = 2e-2"))), runner,
            problem: problem)
            .AcceptWith(new NoOpGuard(new GreedyRatchet())).Build()
            .RunAsync(cancellationToken: TestContext.Current.CancellationToken).ToListAsync();

        Assert.Contains("the compiled program", Assert.IsType<Reject>(events.Verdicts()[0]).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JudgeAsync_SameProgramButOneFailed_IsLeftToTheInner()
    {
        var comparison = Of(1, hash: "p");
        Assert.IsType<Reject>(await GuardAsync(comparison));
        var failed = comparison.Incumbent.Runs[0] with
        {
            Result = comparison.Incumbent.Runs[0].Result with { Outcome = RunOutcome.Diverged },
        };
        Assert.IsType<Accept>(await GuardAsync(comparison with
        {
            Incumbent = comparison.Incumbent with { Runs = [failed, Comparisons.Of([1.0], 1).Incumbent.Runs[0]] },
        }));
    }

    [Theory]
    [InlineData(5, 5, true)]
    [InlineData(4, 4, false)] // too few points to tell
    [InlineData(6, 5, false)]
    [InlineData(5, 6, false)]
    public async Task JudgeAsync_LossTraces_AreTheSameWhenAllOfFivePointsAre(int candidate, int incumbent, bool same) =>
        Assert.Equal(same, await GuardAsync(Of(1, Trace(candidate), Trace(incumbent))) is Reject);

    [Fact]
    public async Task JudgeAsync_LossTraces_OneDifferentPointIsAnEffect()
    {
        foreach (var different in (Measurement[])[new("train_loss", 9, 2), new("train_loss", 1, 9), new("val_loss", 1, 2)])
        {
            Measurement[] trace = [.. Trace(2), different, .. Trace(8).Skip(3)];
            Assert.IsType<Accept>(await GuardAsync(Of(1, Trace(8), trace)));
        }
        Assert.IsType<Accept>(await GuardAsync(Of(2, Trace(8), Trace(8)))); // another seed
    }

    private static Measurement[] Trace(int points) =>
        [.. Enumerable.Range(0, points).Select(i => new Measurement("train_loss", i == 2 ? 1 : 3 - i, i))];

    /// <summary>One run of each arm, with the same parameters.</summary>
    private static Comparison Of(long seed, Measurement[]? candidate = null, Measurement[]? incumbent = null, string? hash = null)
    {
        var comparison = Comparisons.Of([1.0], 0.5);
        Run With(Run run, long seed, Measurement[]? curve) => run with
        {
            Experiment = run.Experiment with { Seed = seed, Candidate = comparison.Incumbent.Candidate },
            Result = run.Result with
            {
                Curve = curve,
                Hashes = hash is null ? null : new Dictionary<string, string> { [NoOpGuard.ProgramHash] = hash },
            },
        };
        return comparison with
        {
            Trial = comparison.Trial with { Runs = [With(comparison.Trial.Runs[0], seed, candidate)] },
            Incumbent = comparison.Incumbent with { Runs = [With(comparison.Incumbent.Runs[0], 1, incumbent)] },
        };
    }

    private static async Task<Verdict> GuardAsync(Comparison comparison) =>
        await new NoOpGuard(new GreedyRatchet()).JudgeAsync(comparison, TestContext.Current.CancellationToken);
}
