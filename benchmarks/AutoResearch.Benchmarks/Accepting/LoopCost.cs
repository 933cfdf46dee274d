using System.Diagnostics;
using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Accepting;

/// <summary>
/// What the loop itself costs: time and memory an experiment over a long search, and how full it keeps many slots.
/// </summary>
internal static class LoopCost
{
    private const int Slots = 64;
    private const int Rounds = 30;
    private static readonly TimeSpan s_run = TimeSpan.FromMilliseconds(50);

    /// <summary>Arguments: --experiments N, 100,000 by default.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var experiments = Array.IndexOf(args, "--experiments") is >= 0 and var at
            ? int.Parse(args[at + 1], CultureInfo.InvariantCulture)
            : 100_000;
        await LongSearchAsync("greedy", new GreedyRatchet(), experiments);
        await LongSearchAsync("adaptive", new AdaptiveRatchet(), experiments);
        for (var i = 0; i < 3; i++) await FullSlotsAsync();
        return 0;
    }

    private static async Task LongSearchAsync(string name, IRatchetAcceptor acceptor, int experiments)
    {
        // Nothing is kept, so that candidates stay small
        var world = new SimulatedObjective(1e-3, new EffectDistribution(0, 0, 0, 0, 0.01));
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world).AcceptWith(acceptor)
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (5, 0, 0)).Build();
        Console.WriteLine($"{name}: {experiments} experiments in memory, by tenths: µs and bytes an experiment");
        var (watch, before) = (Stopwatch.StartNew(), GC.GetTotalMemory(forceFullCollection: true));
        var (finished, next) = (0, experiments / 10);
        await foreach (var e in loop.RunAsync(experiments))
        {
            if (e is not ExperimentFinished || ++finished < next) continue;
            var (time, memory) = (watch.Elapsed, GC.GetTotalMemory(forceFullCollection: true));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {finished,7}  {time.TotalMicroseconds / (experiments / 10.0),6:F0} µs  "
                + $"{(memory - before) / (experiments / 10.0),6:F0} B"));
            (before, next) = (memory, next + (experiments / 10));
            watch.Restart();
        }
    }

    private static async Task FullSlotsAsync()
    {
        var world = new SimulatedObjective(1e-3, EffectDistribution.Placebo);
        var runner = new DelayedRunner(world);
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(runner)
            .AcceptWith(new GreedyRatchet())
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxParallel) = (Slots, 0, 0, Slots)).Build();
        var watch = Stopwatch.StartNew();
        await foreach (var _ in loop.RunAsync(Slots * Rounds))
        {
        }
        // The runs themselves take longer than asked for on a busy machine: their own time is what the slots were full of.
        var share = runner.Busy.TotalSeconds / (Slots * watch.Elapsed.TotalSeconds);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Slots} slots, runs of {s_run.TotalMilliseconds:F0} ms: {share:P1} of the slots' time was spent in runs "
            + $"({Slots * Rounds} runs in {watch.Elapsed.TotalSeconds:F2} s, {Rounds * s_run.TotalSeconds:F2} s at best)"));
    }

    private sealed class DelayedRunner(IExperimentRunner inner) : IExperimentRunner
    {
        private long _busy;

        public TimeSpan Busy => TimeSpan.FromTicks(Interlocked.Read(ref _busy));

        public async Task<RunResult> RunAsync(
            Experiment experiment, IProgress<Measurement>? progress, CancellationToken cancellationToken)
        {
            var watch = Stopwatch.StartNew();
            await Task.Delay(s_run, cancellationToken);
            var result = await inner.RunAsync(experiment, progress, cancellationToken);
            Interlocked.Add(ref _busy, watch.Elapsed.Ticks);
            return result;
        }
    }
}
