namespace AutoResearch.Tests;

public sealed class HealthMonitorTests
{
    private static Measurement Loss(double value, int step = 7) => new("train_loss", value, step);

    [Theory]
    [InlineData("train_loss", double.NaN, true)]
    [InlineData("train_loss", double.PositiveInfinity, true)]
    [InlineData("val_bpb", double.NaN, true)]
    [InlineData("grad_norm", double.NaN, false)]
    [InlineData("train_loss", 1e30, false)]
    public void NonFinite_LossOrObjective_DivergesAtOnce(string metric, double value, bool signals)
    {
        var found = Watched.First(new NonFiniteMonitor(), Watched.Run(), [Loss(3), new(metric, value, 8)]);
        Assert.Equal(signals, found is not null);
        if (found is { } f) Assert.Equal((MonitorSignalKind.Diverged, 8L), (f.Signal.Kind, f.At.Step));
    }

    [Fact]
    public void Divergence_LossFarAboveItsStart_Diverges()
    {
        var found = Watched.First(new DivergenceMonitor(), Watched.Run(), Watched.Losses(at => at < 0.5 ? 4 : 9));
        Assert.Equal(MonitorSignalKind.Diverged, found!.Value.Signal.Kind);
        Assert.InRange(found.Value.At.Progress!.Value, 0.5, 0.6);
    }

    [Fact]
    public void Divergence_OneWildStepOrASlowFall_IsNoSignal()
    {
        Assert.Null(
            Watched.First(new DivergenceMonitor(), Watched.Run(), Watched.Losses(at => at == 0.5 ? 12 : Watched.Usual(at))));
        Assert.Null(Watched.First(new DivergenceMonitor(), Watched.Run(), Watched.Losses(Watched.Usual)));
    }

    [Fact]
    public void Divergence_MetricThatIsMaximized_DivergesDownwards()
    {
        var run = new MonitoredRun(Watched.Experiment(), Objective.Maximize("score"));
        var falling = Enumerable.Range(1, 20).Select(i => new Measurement("score", i < 10 ? 4 : -4, i));
        Assert.NotNull(Watched.First(new DivergenceMonitor(metric: "score"), run, falling));
        Assert.Null(
            Watched.First(new DivergenceMonitor(metric: "score"), run, falling.Select(m => m with { Value = 4 + m.Step })));
    }

    [Fact]
    public void LossSpike_JumpThatStays_IsUnstableAfterPatience()
    {
        var found = Watched.First(new LossSpikeMonitor(patience: 5), Watched.Run(),
            Watched.Losses(at => at < 0.6 ? 3 + (0.01 * Math.Sin(40 * at)) : 3.4));
        Assert.Equal(MonitorSignalKind.Unstable, found!.Value.Signal.Kind);
        Assert.Equal(0.68, found.Value.At.Progress!.Value, 2);
    }

    [Fact]
    public void LossSpike_SpikesThatHeal_AreLeftAlone() =>
        Assert.Null(Watched.First(new LossSpikeMonitor(patience: 5), Watched.Run(),
            Watched.Losses(at => (int)Math.Round(at * 50) % 5 == 0 && at > 0.4 ? 9 : 3 + (0.01 * Math.Sin(40 * at)))));

    [Fact]
    public void Plateau_NoProgressForTheStretch_StopsThen()
    {
        var found = Watched.First(new PlateauMonitor(stretch: 0.4), Watched.Run(),
            Watched.Losses(at => Math.Max(4, 10 - (40 * at)), points: 400));
        Assert.Equal(MonitorSignalKind.Plateau, found!.Value.Signal.Kind);
        Assert.InRange(found.Value.At.Progress!.Value, 0.55, 0.85);
        Assert.Null(Watched.First(new PlateauMonitor(stretch: 0.4), Watched.Run(), Watched.Losses(at => 10 - at)));
    }

    [Fact]
    public void Throughput_HalfTheSpeed_BlamesTheMachine()
    {
        static IEnumerable<Measurement> Steps(double slowdown)
        {
            var time = TimeSpan.Zero;
            for (var step = 1; step <= 100; step++)
            {
                time += TimeSpan.FromSeconds(step > 50 ? slowdown : 1);
                yield return new Measurement("train_loss", 3, step, time);
            }
        }

        var found = Watched.First(new ThroughputMonitor(0.5), Watched.Run(), Steps(2.5));
        Assert.Equal(MonitorSignalKind.Machine, found!.Value.Signal.Kind);
        Assert.InRange(found.Value.At.Step, 54, 60);
        Assert.Null(Watched.First(new ThroughputMonitor(0.5), Watched.Run(), Steps(1.6)));
    }

    [Fact]
    public void Throughput_NamedMetric_IsTheSpeed()
    {
        var speeds = Enumerable.Range(1, 60).Select(i => new Measurement("tokens_per_second", i < 40 ? 1000 : 300, i));
        Assert.NotNull(Watched.First(new ThroughputMonitor(0.5, "tokens_per_second"), Watched.Run(), speeds));
        Assert.Null(Watched.First(new ThroughputMonitor(0.5, "other"), Watched.Run(), speeds));
    }

    [Fact]
    public void Throughput_BudgetCountsWorkAndNoTime_IsNotWatched()
    {
        Assert.Null(new ThroughputMonitor().Watch(Watched.Run(budget: Budget.OfSteps(100))));
        Assert.Null(new ThroughputMonitor().Watch(Watched.Run(budget: Budget.OfTokens(100))));
        Assert.NotNull(new ThroughputMonitor().Watch(Watched.Run(budget: Budget.TrainingTime(TimeSpan.FromMinutes(1)))));
        Assert.NotNull(
            new ThroughputMonitor().Watch(Watched.Run(budget: Budget.OfSteps(100) with { Wall = TimeSpan.FromMinutes(1) })));
    }

    [Fact]
    public void Memory_SteadyGrowthBeyondTheLimit_IsSeenLongBefore()
    {
        var run = Watched.Run(budget: new Budget { MemoryBytes = 1L << 30 });
        static IEnumerable<Measurement> Memory(Func<double, double> mib) =>
            Enumerable.Range(1, 100).Select(i => new Measurement("memory_mb", mib(i / 100.0), i, default, i / 100.0));
        var found = Watched.First(new MemoryMonitor(), run, Memory(at => 200 + (1200 * at)));
        Assert.Equal(MonitorSignalKind.Memory, found!.Value.Signal.Kind);
        Assert.True(found.Value.At.Progress < 0.3);
        Assert.Null(Watched.First(new MemoryMonitor(), run, Memory(at => 200 + (700 * at)))); // fits to the end
        // Allocated at the start, then still
        Assert.Null(Watched.First(new MemoryMonitor(), run, Memory(at => Math.Min(900, 100 + (8000 * at)))));
        Assert.Null(new MemoryMonitor().Watch(Watched.Run())); // no limit, nothing to watch
        Assert.NotNull(new MemoryMonitor(1 << 20).Watch(Watched.Run()));
    }

    [Fact]
    public void Health_UsualCurveOfAnySpeed_IsLeftAlone()
    {
        var run = Watched.Run(budget: new Budget { MemoryBytes = 1L << 40 });
        var curve = Watched.Losses(Watched.Usual, points: 400);
        Assert.All(RunMonitors.Thrifty, monitor => Assert.Null(Watched.First(monitor, run, curve)));
    }

    [Fact]
    public void Constructors_NumbersWithoutSense_AreRefusedByName()
    {
        Assert.Equal("factor", Assert.Throws<ArgumentOutOfRangeException>(() => new DivergenceMonitor(0)).ParamName);
        Assert.Equal("patience", Assert.Throws<ArgumentOutOfRangeException>(() => new LossSpikeMonitor(patience: 0)).ParamName);
        Assert.Equal("deviations", Assert.Throws<ArgumentOutOfRangeException>(() => new LossSpikeMonitor(double.NaN)).ParamName);
        Assert.Equal("stretch", Assert.Throws<ArgumentOutOfRangeException>(() => new PlateauMonitor(1)).ParamName);
        Assert.Equal("share", Assert.Throws<ArgumentOutOfRangeException>(() => new ThroughputMonitor(0)).ParamName);
        Assert.Equal("limitBytes", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryMonitor(0)).ParamName);
        Assert.Equal("reduction", Assert.Throws<ArgumentOutOfRangeException>(() => new AshaMonitor(1)).ParamName);
        Assert.Equal("from", Assert.Throws<ArgumentOutOfRangeException>(() => new MedianMonitor(1)).ParamName);
        Assert.Equal("significance",
            Assert.Throws<ArgumentOutOfRangeException>(() => new IncumbentCurveMonitor(significance: 0)).ParamName);
        Assert.Equal("maxRecoveries", Assert.Throws<ArgumentOutOfRangeException>(() => InterventionPolicy.Recover(0)).ParamName);
        Assert.Equal("factor", Assert.Throws<ArgumentOutOfRangeException>(() => RunAction.LowerLearningRate(1)).ParamName);
    }
}
