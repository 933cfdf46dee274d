namespace AutoResearch.Kernels;

/// <summary>The result of trying one kernel. A failure has no times, so it can never be a score.</summary>
public sealed record KernelTrial
{
    /// <summary>What was tried.</summary>
    public required KernelSource Source { get; init; }

    /// <summary>How it ended.</summary>
    public required KernelOutcome Outcome { get; init; }

    /// <summary>What went wrong; empty when nothing did.</summary>
    public string Message { get; init; } = "";

    /// <summary>The compiler's errors.</summary>
    public IReadOnlyList<CompilerMessage> CompileErrors { get; init; } = [];

    /// <summary>Registers, spills and shared memory of every entry point; empty when it did not compile.</summary>
    public IReadOnlyList<KernelResources> Resources { get; init; } = [];

    /// <summary>The assembler's notes about lost performance.</summary>
    public IReadOnlyList<string> PerformanceNotes { get; init; } = [];

    /// <summary>Largest difference from the reference over all outputs; NaN when it was not run.</summary>
    public double MaxError { get; init; } = double.NaN;

    /// <summary>Elements that differ by more than the tolerance.</summary>
    public long Mismatches { get; init; }

    /// <summary>Elements that are NaN where the reference is a number: what was never written is among them.</summary>
    public long NaNs { get; init; }

    /// <summary>Times of one launch in microseconds, one per round, in order; empty unless completed.</summary>
    public IReadOnlyList<double> Samples { get; init; } = [];

    /// <summary>Median time of one launch; NaN unless completed.</summary>
    public double MedianMicroseconds { get; init; } = double.NaN;

    /// <summary>
    /// Median over the rounds of the first candidate's time divided by this one's in the same round; 1 for the first. NaN
    /// unless both completed.
    /// </summary>
    public double SpeedUp { get; init; } = double.NaN;

    /// <summary>Floating-point operations per second; NaN when not completed or the task names no number.</summary>
    public double FlopsPerSecond { get; init; } = double.NaN;

    /// <summary>Bytes per second; NaN when not completed or the task names no number.</summary>
    public double BytesPerSecond { get; init; } = double.NaN;
}
