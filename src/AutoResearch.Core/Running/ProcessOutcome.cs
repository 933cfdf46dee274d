namespace AutoResearch;

/// <summary>What the end of a program means.</summary>
internal static class ProcessOutcome
{
    private static readonly string[] s_outOfMemory =
        ["out of memory", "OutOfMemory", "MemoryError", "std::bad_alloc", "Cannot allocate memory", "cudaErrorMemoryAllocation"];

    private static readonly string[] s_noSpace =
        ["No space left on device", "Disk quota exceeded", "There is not enough space on the disk"];

    /// <summary>The result of a program that ended by itself.</summary>
    /// <param name="exitCode">Its exit code.</param>
    /// <param name="output">What it wrote.</param>
    /// <param name="diskIsFull">
    /// Looks whether the disk is full now. The words alone do not count: anything may be printed, and a failure of the machine is
    /// tried again.
    /// </param>
    public static RunResult Of(int exitCode, RunOutput output, Func<bool> diskIsFull)
    {
        var (tail, metrics) = (output.Tail, output.Metrics);
        if (exitCode == 0)
        {
            if (!output.EndedDiverged && !SaysFail(End(tail))) return RunResult.Complete(metrics);
            return new RunResult
            {
                Outcome = RunOutcome.Diverged, Metrics = metrics,
                Message = $"The loss diverged, although the program ended with exit code 0. {LastLine(tail)}",
            };
        }
        var (outcome, what) = s_noSpace.Any(phrase => End(tail).Contains(phrase, StringComparison.OrdinalIgnoreCase))
            && diskIsFull()
            ? (RunOutcome.InfrastructureFailure, "The disk is full; make room")
            : Why(exitCode, tail, output.SawNonFiniteLoss);
        return new RunResult
        {
            Outcome = outcome,
            Metrics = metrics,
            Message = $"{what} (exit code {exitCode}). {LastLine(tail)}".TrimEnd(),
        };
    }

    /// <summary>The last line that says something, bounded; of a .NET stack trace the exception, which stands above it.</summary>
    public static string LastLine(string tail)
    {
        var lines = tail.Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var last = lines.LastOrDefault(line =>
            !line.StartsWith("at ", StringComparison.Ordinal) && !line.StartsWith("--- End of ", StringComparison.Ordinal))
            ?? (lines.Length == 0 ? "" : lines[^1]);
        return last.Length == 0 ? "It wrote nothing." : $"Last line: {(last.Length <= 300 ? last : last[..300] + "…")}";
    }

    private static (RunOutcome Outcome, string What) Why(int exitCode, string tail, bool diverged)
    {
        var end = End(tail);
        if (s_outOfMemory.Any(phrase => end.Contains(phrase, StringComparison.OrdinalIgnoreCase)))
            return (RunOutcome.OutOfMemory, "The program ran out of memory");
        if (exitCode == 137)
            return (RunOutcome.OutOfMemory, "The program was killed from outside, most likely by the system for its memory");
        return diverged || SaysFail(end)
            ? (RunOutcome.Diverged, "The loss diverged")
            : (RunOutcome.Crashed, "The program failed");
    }

    private static string End(string tail) => tail.Length <= 8192 ? tail : tail[^8192..];

    // autoresearch's train.py says FAIL when its loss is NaN or explodes.
    private static bool SaysFail(string end) =>
        end.Split(['\n', '\r'], StringSplitOptions.TrimEntries).Any(line => line == "FAIL");
}
