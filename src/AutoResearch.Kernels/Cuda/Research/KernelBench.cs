namespace AutoResearch.Kernels;

/// <summary>
/// Tries kernels: compiles them, compares what they compute with a reference, and times the right ones against each other with
/// events on the GPU, in rounds. What a research loop needs to treat kernels as hypotheses.
/// </summary>
/// <remarks>
/// A kernel that crashes makes the GPU unusable for the process, and one that never ends cannot be stopped: where candidates are
/// not to be trusted, run the bench in a process of its own with a time limit. Not thread-safe.
/// </remarks>
public sealed class KernelBench
{
    private const int MostLaunchesPerSample = 1000;

    private readonly CudaDevice _device;
    private readonly KernelCompiler _compiler;
    private readonly KernelBenchOptions _options;

    /// <summary>Creates a bench.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="compiler">The compiler; one with default options when null.</param>
    /// <param name="options">How to measure; the defaults when null.</param>
    public KernelBench(CudaDevice device, KernelCompiler? compiler = null, KernelBenchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        _options = options ?? new();
        _options.Validate();
        (_device, _compiler) = (device, compiler ?? new());
    }

    /// <summary>Tries candidates.</summary>
    /// <param name="task">What they are to compute.</param>
    /// <param name="candidates">The candidates; the first is the one that the others are compared with.</param>
    /// <returns>One trial each, in order.</returns>
    public IReadOnlyList<KernelTrial> Try(KernelTask task, params IReadOnlyList<KernelSource> candidates)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(candidates);
        var check = new KernelCheck(task);
        var runs = new List<Run>();
        try
        {
            foreach (var source in candidates) runs.Add(Prepare(task, check, source));
            Time(task, runs);
            return Results(task, runs);
        }
        finally
        {
            foreach (var run in runs) run.Dispose();
        }
    }

    // Compiles and checks. Failures become trials: they are results, not errors of the caller.
    private Run Prepare(KernelTask task, KernelCheck check, KernelSource source)
    {
        var run = new Run { Trial = new() { Source = source, Outcome = KernelOutcome.Completed } };
        Guarded(run, () =>
        {
            var binary = _compiler.Compile(source, _device.Architecture);
            run.Trial = run.Trial with
            {
                Resources = [.. source.EntryPoints.Select(binary.Resources)],
                PerformanceNotes = binary.Report.PerformanceNotes,
            };
            run.Module = binary.Load(_device);
            run.Buffers = new KernelBuffers(_device, task.Buffers);
            run.Invocation = new(source, _device.Stream,
                source.EntryPoints.Distinct(StringComparer.Ordinal).ToDictionary(entry => entry,
                    entry => run.Module.Function(binary.LoweredName(entry)), StringComparer.Ordinal),
                run.Buffers.Addresses);
            run.Buffers.Reset();
            task.Launch(run.Invocation);
            _device.Stream.Synchronize();
            run.Trial = check.Judge(run.Trial, run.Buffers);
        });
        return run;
    }

    private void Time(KernelTask task, List<Run> runs)
    {
        // A crash took the GPU from those that were right before it, too.
        if (_device.IsUnusable) foreach (var run in Completed(runs)) Guarded(run, _device.MakeCurrent);
        using var start = Completed(runs).Any() ? new CudaEvent(_device) : null;
        using var end = start is null ? null : new CudaEvent(_device);
        using var flush = _options.ColdCache && start is not null
            ? new CudaBuffer(_device, Math.Max(1L << 20, 2L * _device.L2Bytes))
            : null;
        if (start is null || end is null) return;

        foreach (var run in Completed(runs))
        {
            Guarded(run, () =>
            {
                for (var i = 0; i < _options.WarmUps; i++) task.Launch(run.Invocation!);
                if (_options.ColdCache) return;
                var once = Sample(task, run, start, end, null);
                run.Launches = (int)Math.Clamp(Math.Ceiling(_options.SampleTime.TotalMicroseconds / Math.Max(once, 0.1)), 1,
                    MostLaunchesPerSample);
            });
        }

        for (var round = 0; round < _options.Rounds; round++)
        {
            foreach (var run in Completed(runs)) Guarded(run, () => run.Samples.Add(Sample(task, run, start, end, flush)));
        }
    }

    private double Sample(KernelTask task, Run run, CudaEvent start, CudaEvent end, CudaBuffer? flush)
    {
        var stream = _device.Stream;
        if (flush is not null) stream.Fill8(flush.Address, 0, flush.Bytes);
        start.Record(stream);
        for (var i = 0; i < run.Launches; i++) task.Launch(run.Invocation!);
        end.Record(stream);
        end.Synchronize();
        return end.ElapsedSince(start).TotalMicroseconds / run.Launches;
    }

    private void Guarded(Run run, Action work)
    {
        try
        {
            work();
        }
        catch (KernelCompileException e)
        {
            run.Trial = run.Trial with { Outcome = KernelOutcome.CompileError, Message = e.Message, CompileErrors = e.Errors };
        }
        catch (CudaOutOfMemoryException e)
        {
            run.Trial = run.Trial with { Outcome = KernelOutcome.OutOfMemory, Message = e.Message };
        }
        catch (Exception e) when (e is CudaException or ArgumentException)
        {
            var outcome = _device.IsUnusable ? KernelOutcome.DeviceLost : KernelOutcome.LaunchFailed;
            run.Trial = run.Trial with { Outcome = outcome, Message = e.Message };
        }
    }

    private static IEnumerable<Run> Completed(List<Run> runs) => runs.Where(run => run.Trial.Outcome == KernelOutcome.Completed);

    private static KernelTrial[] Results(KernelTask task, List<Run> runs)
    {
        var first = runs.Count > 0 && runs[0].Trial.Outcome == KernelOutcome.Completed ? runs[0].Samples : null;
        return [.. runs.Select(run =>
        {
            if (run.Trial.Outcome != KernelOutcome.Completed) return run.Trial;
            var median = Median(run.Samples);
            return run.Trial with
            {
                Samples = run.Samples,
                MedianMicroseconds = median,
                SpeedUp = first is null ? double.NaN : Median(first.Zip(run.Samples, (a, b) => a / b)),
                FlopsPerSecond = task.Flops > 0 ? task.Flops / median * 1e6 : double.NaN,
                BytesPerSecond = task.Bytes > 0 ? task.Bytes / median * 1e6 : double.NaN,
            };
        })];
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private sealed class Run : IDisposable
    {
        internal required KernelTrial Trial { get; set; }
        internal CudaModule? Module { get; set; }
        internal KernelBuffers? Buffers { get; set; }
        internal KernelInvocation? Invocation { get; set; }
        internal int Launches { get; set; } = 1;
        internal List<double> Samples { get; } = [];

        public void Dispose()
        {
            Buffers?.Dispose();
            Module?.Dispose();
        }
    }
}
