namespace AutoResearch.Tests;

/// <summary>Asserts about garbage made on the calling thread.</summary>
internal static class Allocations
{
    // What the code allocates shows in every round; what the runtime allocates on this thread (tiering up,
    // loading a type) does not.
    private const int Rounds = 20;

    /// <summary>Fails unless the action, once warm, runs without allocating.</summary>
    public static void None(Action action)
    {
        var least = long.MaxValue;
        for (var round = 0; round < Rounds && least > 0; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.True(least == 0, $"Every one of {Rounds} rounds allocated, at least {least} bytes.");
    }
}
