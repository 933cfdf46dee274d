namespace AutoResearch.Tests;

public sealed class CurveMonitorTests
{
    // Three runs of the baseline that differ by 0.02 or so from one another, all along.
    private static readonly Run[] s_baseline =
    [
        .. new[] { -0.02, 0, 0.02 }.Select((offset, i) => Watched.Past($"e000{i}", "baseline", at => Watched.Usual(at) + offset)),
    ];

    private static IEnumerable<Measurement> Offset(double offset) => Watched.Losses(at => Watched.Usual(at) + offset);

    [Fact]
    public void Incumbent_ClearlyBehind_IsStoppedAtTheFirstLook()
    {
        var found = Watched.First(new IncumbentCurveMonitor(from: 0.5), Watched.Run(s_baseline, s_baseline), Offset(0.2));
        Assert.Equal(MonitorSignalKind.Behind, found!.Value.Signal.Kind);
        Assert.Equal(0.5, found.Value.At.Progress!.Value, 2);
        Assert.Contains("behind the incumbent at 50", found.Value.Signal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Incumbent_BehindByNoMoreThanRunsDiffer_GoesOn()
    {
        Assert.Null(Watched.First(new IncumbentCurveMonitor(), Watched.Run(s_baseline, s_baseline), Offset(0.04)));
        // The signed-rank test alone is sure of itself: the steps of a run share its luck.
        Assert.NotNull(
            Watched.First(new IncumbentCurveMonitor(deviations: 0), Watched.Run(s_baseline, s_baseline), Offset(0.04)));
    }

    [Fact]
    public void Incumbent_AheadOrAheadLater_GoesOn()
    {
        Assert.Null(Watched.First(new IncumbentCurveMonitor(deviations: 0), Watched.Run(s_baseline, s_baseline), Offset(-0.1)));
        Assert.Null(Watched.First(new IncumbentCurveMonitor(from: 0.5), Watched.Run(s_baseline, s_baseline),
            Watched.Losses(at => Watched.Usual(at) + (at < 0.3 ? 0.5 : -0.05))));
    }

    [Fact]
    public void Incumbent_NothingRepeatedOrNoCurve_NothingIsStopped()
    {
        Assert.Null(new IncumbentCurveMonitor().Watch(Watched.Run([s_baseline[0]], [s_baseline[0]])));
        Assert.Null(new IncumbentCurveMonitor().Watch(Watched.Run()));
        Assert.NotNull(new IncumbentCurveMonitor(deviations: 0).Watch(Watched.Run([s_baseline[0]])));
    }

    [Fact]
    public void Incumbent_RunsThatWereHelped_AreNoReference()
    {
        Run[] helped = [.. s_baseline.Select(r => r with
        {
            Result = r.Result with { Interventions = [new(RunAction.RollBack(0.5), new(MonitorSignalKind.Unstable, "spike"))] },
        })];
        Assert.Null(new IncumbentCurveMonitor(deviations: 0).Watch(Watched.Run(helped)));
    }

    [Fact]
    public void Median_WorseThanTheMedianAtTheSamePoint_IsStopped()
    {
        Run[] five = [.. s_baseline, Watched.Past("e0005", "a", Watched.Usual), Watched.Past("e0006", "b", Watched.Usual)];
        var found = Watched.First(new MedianMonitor(from: 0.3), Watched.Run(earlier: five), Offset(0.01));
        Assert.Equal(MonitorSignalKind.Behind, found!.Value.Signal.Kind);
        Assert.Equal(0.3, found.Value.At.Progress!.Value, 2);
        Assert.Null(Watched.First(new MedianMonitor(), Watched.Run(earlier: five), Offset(-0.01)));
        Assert.Null(new MedianMonitor(runs: 5).Watch(
            Watched.Run(earlier: [.. s_baseline, Watched.Past("e7", "c", Watched.Usual, until: 0.5)])));
    }

    [Fact]
    public void Asha_OnlyTheBestThirdPassesARung()
    {
        Run[] eight = [.. Enumerable.Range(0, 8)
            .Select(i => Watched.Past($"e{i}", $"c{i}", at => Watched.Usual(at) + i, until: i < 4 ? 1 : 0.4))];
        var run = Watched.Run(earlier: eight); // of nine with this one, three go on
        Assert.Null(Watched.First(new AshaMonitor(3, 1), run, Offset(1.5))); // third
        var found = Watched.First(new AshaMonitor(3, 1), run, Offset(2.5)); // fourth
        Assert.Equal(0.34, found!.Value.At.Progress!.Value, 2);
        Assert.Contains("number 4 of 9", found.Value.Signal.Reason, StringComparison.Ordinal);
        Assert.Null(Watched.First(new AshaMonitor(3, 1), Watched.Run(earlier: eight.Take(1)), Offset(5))); // two cannot be thirds
    }

    [Fact]
    public void SignedRank_KnownSamples_GivesTheTabulatedProbability()
    {
        Assert.Equal(1.0 / 32, RobustStatistics.SignedRank([1, 2, 3, 4, 5]), 12);
        Assert.Equal(1, RobustStatistics.SignedRank([-1, -2, -3, -4, -5]), 12);
        Assert.Equal(2.0 / 32, RobustStatistics.SignedRank([-1, 2, 3, 4, 5]), 12);
        Assert.Equal(1, RobustStatistics.SignedRank([0, 0]));
        // Ties share their mean rank: of the 8 sets of signs, those with a sum of at least 3 + 1.5.
        Assert.Equal(3.0 / 8, RobustStatistics.SignedRank([1, -1, 2]), 12);
        // W+ = 49 of n = 10, one-sided, from a table: 0.0137 (W- = 6).
        Assert.Equal(0.0137, RobustStatistics.SignedRank([-6, 1, 2, 3, 4, 5, 7, 8, 9, 10]), 4);
    }

    [Fact]
    public void SignedRank_SymmetricDifferences_RejectsAtItsLevel()
    {
        var random = new Random(1);
        var rejected = Enumerable.Range(0, 2000).Count(_ =>
            RobustStatistics.SignedRank(Enumerable.Range(0, 8).Select(_ => random.NextDouble() - 0.5).ToArray()) <= 0.02);
        Assert.InRange(rejected, 10, 55);
    }

    [Fact]
    public void Curve_LongRun_KeepsAFewEvenPointsOfLossesOnly()
    {
        var recorder = new CurveRecorder("val_bpb");
        for (var step = 1; step <= 10_000; step++)
        {
            recorder.Add(new("train_loss", step, step));
            recorder.Add(new("tokens_per_second", 1, step));
        }
        Assert.InRange(recorder.Curve!.Count, 32, 64);
        Assert.All(recorder.Curve, m => Assert.Equal("train_loss", m.Metric));
        var gaps = recorder.Curve.Zip(recorder.Curve.Skip(1), (a, b) => b.Step - a.Step).Distinct();
        Assert.Single(gaps);
    }
}
