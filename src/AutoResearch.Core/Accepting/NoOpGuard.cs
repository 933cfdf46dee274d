namespace AutoResearch;

/// <summary>
/// Never keeps a change without effect: when a candidate's compiled program is the incumbent's, or its losses are those of an
/// incumbent's run with the same seed, what looks like a gain is noise. All else is left to the inner acceptor.
/// </summary>
/// <remarks>
/// A runner that knows states the compiled program's hash in <see cref="RunResult.Hashes"/> under <see cref="ProgramHash"/>.
/// Without it the curves of runs with the same seed are compared, as confirming runs and their controls have it; at least five
/// equal points of at least one metric, and no different one, count as the same. A run whose training is not deterministic
/// never looks the same.
/// </remarks>
/// <param name="inner">The acceptor that judges changes with an effect.</param>
public sealed class NoOpGuard(IRatchetAcceptor inner) : DelegatingAcceptor(inner)
{
    /// <summary>The key of the compiled program's hash in <see cref="RunResult.Hashes"/>.</summary>
    public const string ProgramHash = "program";

    private const int LeastPoints = 5;

    /// <inheritdoc/>
    public override ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        foreach (var run in comparison.Trial.Runs)
        {
            foreach (var other in comparison.Incumbent.Runs)
            {
                if (Same(run, other) is { } what)
                    return ValueTask.FromResult<Verdict>(new Reject
                    {
                        Reason = "the change has no effect: "
                            + $"{what} of {run.Experiment.Id} is that of the incumbent's {other.Experiment.Id}",
                    });
            }
        }

        return base.JudgeAsync(comparison, cancellationToken);
    }

    private static string? Same(Run run, Run other)
    {
        if (run.Result.Outcome != RunOutcome.Completed || other.Result.Outcome != RunOutcome.Completed) return null;
        // The same program with other parameters is not the same experiment.
        if (run.Result.Hashes?.GetValueOrDefault(ProgramHash) is { } program
            && program == other.Result.Hashes?.GetValueOrDefault(ProgramHash)
            && run.Experiment.Candidate.Parameters.Equals(other.Experiment.Candidate.Parameters))
            return "the compiled program";
        return run.Experiment.Seed == other.Experiment.Seed && run.Result.Curve is { } a && other.Result.Curve is { } b
            && Same(a, b)
            ? "the loss trace"
            : null;
    }

    private static bool Same(IReadOnlyList<Measurement> a, IReadOnlyList<Measurement> b) =>
        a.Count >= LeastPoints && a.Count == b.Count && a.Zip(b)
            .All(p => p.First.Metric == p.Second.Metric && p.First.Step == p.Second.Step && p.First.Value.Equals(p.Second.Value));
}
