using System.Diagnostics;
using System.Globalization;
using AutoResearch.Testing;

namespace AutoResearch.Benchmarks.Journals;

/// <summary>
/// Time to open a long journal with its snapshot and without: alternately, in this process, after one opening of each.
/// </summary>
internal static class JournalOpening
{
    private const int Repeats = 9;

    /// <summary>Argument: the number of trials; 8000 by default.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var trials = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 8000;
        var directory = Directory.CreateTempSubdirectory("journal-opening-").FullName;
        try
        {
            await RecordAsync(directory, trials);
            List<double> with = [], without = [];
            for (var i = -1; i < Repeats; i++)
            {
                var (fast, full) = (await OpenAsync(directory, true), await OpenAsync(directory, false));
                if (i < 0) continue;
                with.Add(fast);
                without.Add(full);
            }
            var check = Journal.Verify(directory);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{check.Events} events, {check.Bytes / 1e6:F1} MB: "
                + $"{Median(with):F0} ms with the snapshot ({with.Min():F0} to {with.Max():F0}), "
                + $"{Median(without):F0} ms without ({without.Min():F0} to {without.Max():F0}); medians of {Repeats}"));
            return 0;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task RecordAsync(string directory, int trials)
    {
        await using var journal = await Journal.OpenAsync(directory, new() { FlushToDisk = false });
        var world = new SimulatedObjective(0.002);
        await using var loop = ResearchLoop.Create(world.Problem).ProposeWith(world).RunWith(world)
            .AcceptWith(new ConfirmingRatchet())
            .RecordTo(journal).Configure(o => o.MaxTrials = trials).Build();
        await foreach (var _ in loop.RunAsync())
        {
        }
    }

    private static async Task<double> OpenAsync(string directory, bool snapshot)
    {
        var start = Stopwatch.GetTimestamp();
        await using var journal = await Journal.OpenAsync(directory, new() { UseSnapshot = snapshot });
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
