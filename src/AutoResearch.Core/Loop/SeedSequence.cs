namespace AutoResearch;

/// <summary>
/// Seeds by place: the loop's seed, the kind of run, the trial and the run's number in it decide, and nothing else, so that
/// an interrupted loop draws the seeds of an uninterrupted one. Fresh runs of both arms of a trial with the same number
/// share a seed, and so do final runs: differences that come from the seed then cancel.
/// </summary>
internal static class SeedSequence
{
    public static long Derive(long loopSeed, RunPurpose purpose, int trial, int index)
    {
        var kind = purpose == RunPurpose.Control ? RunPurpose.Confirm : purpose;
        var hash = Mix((ulong)loopSeed + 0x9E3779B97F4A7C15UL);
        hash = Mix(hash ^ (ulong)kind);
        hash = Mix(hash ^ (uint)trial);
        hash = Mix(hash ^ (uint)index);
        return (long)(hash >> 33);
    }

    // The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
    private static ulong Mix(ulong z)
    {
        z = (z + 0x9E3779B97F4A7C15UL) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
