using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>
/// Two settings of the kernels against each other on all workloads, in rounds that alternate who goes first. Both work on the
/// same memory: where it happens to lie makes more of a difference than many a setting.
/// </summary>
internal sealed class Duel : IDisposable
{
    private readonly CpuBackend _backend;
    private readonly CpuTuning[] _sides;
    private readonly Workload[] _works;
    private readonly TimeProvider _clock;
    private int _round;

    /// <param name="challenger">The settings in question.</param>
    /// <param name="control">The settings they are compared with.</param>
    /// <param name="setup">What is timed and how.</param>
    public Duel(CpuTuning challenger, CpuTuning control, DuelSetup setup)
    {
        _clock = setup.Clock;
        _sides = [challenger, control];
        _backend = new CpuBackend(new() { Threads = setup.Threads, Tuning = control });
        _works = setup.Workloads(_backend);
        Ratios = [.. _works.Select(_ => new PairedRatios())];
        foreach (var work in _works)
            for (var side = 0; side < 2; side++) Seconds(work, side); // compiles, touches the memory
    }

    /// <summary>Time of the challenger relative to the control, over all workloads: the geometric mean of each round.</summary>
    public PairedRatios Overall { get; } = new();

    /// <summary>The same for each workload.</summary>
    public IReadOnlyList<PairedRatios> Ratios { get; }

    /// <summary>Names of the workloads.</summary>
    public IEnumerable<string> Names => _works.Select(w => w.Name);

    /// <summary>Makes rounds.</summary>
    public void Run(int rounds, CancellationToken cancellationToken = default)
    {
        for (var i = 0; i < rounds; i++, _round++)
        {
            var product = 1.0;
            for (var work = 0; work < Ratios.Count; work++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var first = (_round + work) % 2;
                var times = new double[2];
                times[first] = Seconds(_works[work], first);
                times[1 - first] = Seconds(_works[work], 1 - first);
                Ratios[work].Add(times[0], times[1]);
                product *= times[0] / times[1];
            }

            Overall.Add(Math.Pow(product, 1.0 / Ratios.Count), 1);
        }
    }

    public void Dispose()
    {
        foreach (var work in _works) work.Dispose();
        _backend.Dispose();
    }

    // The best of three: whatever interrupts a run makes it slower.
    private double Seconds(Workload work, int side)
    {
        _backend.Tuning = _sides[side];
        return Math.Min(Once(work), Math.Min(Once(work), Once(work)));
    }

    private double Once(Workload work)
    {
        var start = _clock.GetTimestamp();
        work.Run();
        return _clock.GetElapsedTime(start).TotalSeconds;
    }
}
