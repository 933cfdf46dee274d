using System.Globalization;

namespace AutoResearch.Kernels;

/// <summary>Compares what a kernel left in its buffers with the reference, which is computed once for all candidates.</summary>
internal sealed class KernelCheck
{
    private readonly KernelTask _task;
    private readonly float[][] _expected;

    internal KernelCheck(KernelTask task)
    {
        _task = task;
        if (task.Buffers.DistinctBy(buffer => buffer.Name).Count() != task.Buffers.Count)
            throw new ArgumentException(
                $"The buffers of {task.Name} must have different names: {string.Join(", ", task.Buffers.Select(b => b.Name))}.",
                nameof(task));
        if (!task.Buffers.Any(buffer => buffer.IsOutput))
            throw new ArgumentException($"{task.Name} has no output to compare.", nameof(task));
        _expected = [.. task.Buffers.Select(buffer => buffer.HostCopy())];
        task.Reference(_expected);
    }

    internal KernelTrial Judge(KernelTrial trial, KernelBuffers buffers)
    {
        var (worst, mismatches, nans) = (0.0, 0L, 0L);
        string? problem = null;
        for (var b = 0; b < _task.Buffers.Count; b++)
        {
            var buffer = _task.Buffers[b];
            var (actual, guardsWhole) = buffers.Read(b);
            if (!guardsWhole) problem ??= $"It wrote outside of {buffer.Name}.";
            // Inputs must be what they were: their own content is what is expected of them, whatever the
            // reference did to its copy.
            var expected = buffer.IsOutput ? _expected[b] : buffer.Values!;
            for (var i = 0; i < actual.Length; i++)
            {
                if (float.IsNaN(actual[i]) && !float.IsNaN(expected[i])) nans++;
                var error = Error(actual[i], expected[i]);
                worst = Math.Max(worst, error);
                if (error <= (buffer.IsOutput ? _task.AbsoluteTolerance + (_task.RelativeTolerance * Math.Abs(expected[i])) : 0))
                    continue;
                mismatches++;
                problem ??= string.Create(CultureInfo.InvariantCulture,
                    $"{buffer.Name}[{i}] is {actual[i]}, "
                    + $"but {expected[i]} is right{(buffer.IsOutput ? "" : ": it wrote to an input")}.");
            }
        }

        trial = trial with { MaxError = worst, Mismatches = mismatches, NaNs = nans };
        return problem is null ? trial : trial with
        {
            Outcome = KernelOutcome.WrongResult,
            Message = FormattableString.Invariant(
                $"{problem} {mismatches} elements are wrong, {nans} of them NaN; largest difference {worst:G4}."),
        };
    }

    // NaN and infinities are right only where the reference has the same.
    private static double Error(float actual, float expected) =>
        actual.Equals(expected) ? 0
        : float.IsFinite(actual) && float.IsFinite(expected) ? Math.Abs((double)actual - expected)
        : double.PositiveInfinity;
}
