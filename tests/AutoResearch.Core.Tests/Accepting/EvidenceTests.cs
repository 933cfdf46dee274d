namespace AutoResearch.Tests;

public sealed class EvidenceTests
{
    [Fact]
    public void Of_Comparison_ScoresSortedByUse()
    {
        var evidence = Evidence.Of(Comparisons.Of([1.0, 1.1], 0.9, [0.95, 0.96], [1.2]));
        Assert.Equal(0.9, evidence.Screening);
        Assert.Equal([0.95, 0.96], evidence.Candidate);
        Assert.Equal([1.0, 1.1, 1.2], evidence.Incumbent);
        Assert.Single(evidence.Controls);
    }

    [Fact]
    public void Noise_RepeatedRuns_PooledWithinCandidatesWithoutScreening()
    {
        var noise = Comparisons.Of([1.0, 1.2], 0.1, [0.5, 0.6], [1.1]).State.Noise;
        // Baseline and control {1.0, 1.2, 1.1}: Σ² = 0.02, 2 degrees of freedom; candidate {0.5, 0.6}: 0.005 and 1.
        Assert.Equal(3, noise.DegreesOfFreedom);
        Assert.Equal(Math.Sqrt(0.025 / 3), noise.Sigma, 12);
        Assert.False(NoiseEstimate.Unknown.IsKnown);
        Assert.False(Comparisons.Of([1.0], 0.9).State.Noise.IsKnown);
    }

    [Fact]
    public void Sigma_Arm_PooledNoiseShrunkTowardsItsOwnSpread()
    {
        var evidence = Evidence.Of(Comparisons.Of([1.0, 1.0], 0.9, noise: new(0.1, 100)));
        Assert.Equal(0.1, evidence.Sigma([5], priorRuns: 8), 12);
        Assert.Equal(Math.Sqrt(((8 * 0.01) + 2) / 9), evidence.Sigma([4, 6], priorRuns: 8), 12);
        var young = Evidence.Of(Comparisons.Of([1.0, 1.0], 0.9, noise: new(0.1, 2)));
        Assert.Equal(Math.Sqrt(((2 * 0.01) + 2) / 3), young.Sigma([4, 6], priorRuns: 8), 12); // it holds 2 runs' worth, not 8
        Assert.Equal(double.NaN, Evidence.Of(Comparisons.Of([1.0], 0.9)).Sigma([4, 6], 8));
    }

    [Fact]
    public void RejectUnsound_SoundRuns_IsNull() => Assert.Null(Evidence.RejectUnsound(Comparisons.Of([1.0], 0.9, [0.9])));

    [Fact]
    public void RejectUnsound_FailureWithoutAMessage_StillSaysWhatHappened()
    {
        var comparison = Comparisons.Of([1.0], 0.9);
        var failed = comparison.Trial.Runs[0] with { Result = new() { Outcome = RunOutcome.Crashed } };
        Assert.Equal("the screening run ended as Crashed: no message",
            Evidence.RejectUnsound(comparison with { Trial = comparison.Trial with { Runs = [failed] } })!.Reason);
        Assert.Throws<ArgumentNullException>(() => Evidence.RejectUnsound(null!));
        Assert.Throws<ArgumentNullException>(() => Evidence.Of(null!));
    }

    [Fact]
    public void Of_NoScreening_HasNone()
    {
        var comparison = Comparisons.Of([1.0], 0.9, [0.8]);
        Assert.Null(
            Evidence.Of(comparison with { Trial = comparison.Trial with { Runs = [comparison.Trial.Runs[1]] } }).Screening);
    }

    [Fact]
    public void Sound_SomeRunsDisturbedOrHelped_OnlyTheOthers()
    {
        var (plain, disturbed, helped) = (Run(0.9), Disturbed(0.8), Helped(0.7));
        Assert.Equal([plain], Evidence.Sound([disturbed, plain, helped]));
        Assert.Equal([plain, plain], Evidence.Sound([plain, plain]));
        Assert.Equal([disturbed, helped], Evidence.Sound([disturbed, helped])); // there is nothing better
        var crashed = disturbed with { Result = disturbed.Result with { Outcome = RunOutcome.Crashed } };
        Assert.Equal([crashed, plain], Evidence.Sound([crashed, plain])); // a failure is one on a busy machine too
    }

    [Fact]
    public void RequireSound_OnlyUnsoundRuns_AsksForOthersAndGivesUpAfterThree()
    {
        var accept = new Accept { Reason = "better by 1", Statistics = new Dictionary<string, double> { ["gain"] = 1 } };
        Verdict Require(params Run[] runs) =>
            Evidence.RequireSound(Comparisons.Of([1.0], 0.9).Trial with { Runs = runs }, accept);

        Assert.Same(accept, Require(Run(0.9)));
        Assert.Same(accept, Require(Disturbed(0.9), Run(0.9)));
        var more = Assert.IsType<NeedMore>(Require(Disturbed(0.9), Disturbed(0.9)));
        Assert.Equal((Arm.Candidate, "it was good in a disturbed run (a busy neighbour); it has to be so without: better by 1"),
            (more.Arm, more.Reason));
        Assert.Contains("in a run that was helped on its way;", Assert.IsType<NeedMore>(Require(Helped(0.9))).Reason,
            StringComparison.Ordinal);
        var end = Assert.IsType<Indecisive>(Require(Disturbed(0.9), Disturbed(0.9), Disturbed(0.9)));
        Assert.StartsWith("all 3 runs of it are like a disturbed run (a busy neighbour)", end.Reason, StringComparison.Ordinal);
        Assert.Equal((1.0, 1.0), (more.Statistics["gain"], end.Statistics["gain"]));
    }

    private static Run Run(double score) => Comparisons.Run(Loops.Problem, Candidate.Of(("x", 1)), RunPurpose.Confirm, score);

    private static Run Disturbed(double score) =>
        Run(score) is var run ? run with { Result = run.Result with { Contention = "a busy neighbour" } } : null!;

    private static Run Helped(double score) => Run(score) is var run
        ? run with
        {
            Result = run.Result with
            {
                Interventions = [new(RunAction.LowerLearningRate(0.5), new(MonitorSignalKind.Unstable, "a spike"))],
            },
        }
        : null!;
}
