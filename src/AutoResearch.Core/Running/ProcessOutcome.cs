namespace AutoResearch;

/// <summary>What the end of a program means.</summary>
internal static class ProcessOutcome
{
    private static readonly string[] s_outOfMemory =
        ["out of memory", "OutOfMemory", "MemoryError", "std::bad_alloc", "Cannot allocate memory", "cudaErrorMemoryAllocation"];

    /// <summary>The result of a program that ended by itself.</summary>
    public static RunResult Of(int exitCode, RunOutput output)
    {
        var (tail, metrics) = (output.Tail, output.Metrics);
        if (exitCode == 0) return RunResult.Complete(metrics);
        var (outcome, what) = Why(exitCode, tail, output.SawNonFiniteLoss);
        return new RunResult { Outcome = outcome, Metrics = metrics, Message = $"{what} (exit code {exitCode}). {LastLine(tail)}".TrimEnd() };
    }

    /// <summary>The last line that says something, bounded.</summary>
    public static string LastLine(string tail)
    {
        var lines = tail.Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var last = lines.Length == 0 ? "" : lines[^1];
        return last.Length == 0 ? "It wrote nothing." : $"Last line: {(last.Length <= 300 ? last : last[..300] + "…")}";
    }

    private static (RunOutcome Outcome, string What) Why(int exitCode, string tail, bool diverged)
    {
        var end = tail.Length <= 8192 ? tail : tail[^8192..];
        if (s_outOfMemory.Any(phrase => end.Contains(phrase, StringComparison.OrdinalIgnoreCase))) return (RunOutcome.OutOfMemory, "The program ran out of memory");
        if (exitCode == 137) return (RunOutcome.OutOfMemory, "The program was killed from outside, most likely by the system for its memory");
        // autoresearch's train.py says FAIL when its loss is NaN or explodes.
        var failed = end.Split(['\n', '\r'], StringSplitOptions.TrimEntries).Any(line => line == "FAIL");
        return diverged || failed ? (RunOutcome.Diverged, "The loss diverged") : (RunOutcome.Crashed, "The program failed");
    }
}
