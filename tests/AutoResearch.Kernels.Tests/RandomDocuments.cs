namespace AutoResearch.Kernels.Tests;

/// <summary>Rows packed with documents of random lengths.</summary>
internal static class RandomDocuments
{
    /// <summary>The position at which each token's document begins.</summary>
    internal static int[] Starts(in AttentionLayout layout, int seed)
    {
        var random = new Random(seed);
        var length = 1 + random.Next(layout.Sequence); // on average
        var starts = new int[layout.Tokens];
        for (var row = 0; row < starts.Length; row++)
        {
            var position = row % layout.Sequence;
            starts[row] = position == 0 ? 0 : random.Next(length) == 0 ? position : starts[row - 1];
        }

        return starts;
    }
}
