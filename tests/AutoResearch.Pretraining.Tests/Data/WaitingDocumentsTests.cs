namespace AutoResearch.Pretraining.Tests;

public sealed class WaitingDocumentsTests
{
    [Theory]
    [InlineData(10, true)]
    [InlineData(63, false)]
    [InlineData(64, true)]
    [InlineData(200, false)]
    public void Take_RandomUse_IsBestFitByScanning(int capacity, bool preferLong)
    {
        var random = new Random(capacity);
        var waiting = new WaitingDocuments(40, capacity);
        var model = new List<(int Document, int Used, int Length)>();
        for (var document = 0; document < 5000; document++)
        {
            var length = random.Next(1, capacity * 3 / 2);
            waiting.Add(document, document % 7, length);
            model.Add((document, document % 7, length));
            while (waiting.IsFull || (model.Count > 1 && random.Next(3) == 0))
            {
                var room = random.Next(1, capacity + 1);
                var expected = Best(model, room, capacity, preferLong);
                Assert.Equal(expected, waiting.Take(room, preferLong));
                model.Remove(expected);
            }
        }
    }

    // First in order of arrival among the longest that fit; all that are longer than a row count as equally long.
    private static (int, int, int) Best(
        List<(int Document, int Used, int Length)> waiting, int room, int capacity, bool preferLong)
    {
        var fitting = waiting.Where(d => d.Length <= room).ToList();
        if (fitting.Count > 0) return fitting.MaxBy(d => d.Length);
        var longer = waiting.Where(d => d.Length > capacity).ToList();
        return preferLong && longer.Count > 0 ? longer[0] : waiting.MinBy(d => Math.Min(d.Length, capacity + 1));
    }
}
