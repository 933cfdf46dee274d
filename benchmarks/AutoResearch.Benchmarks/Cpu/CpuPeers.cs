using System.Diagnostics;
using System.Globalization;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// Ours and the peers on the same work, in rounds: within a round every contestant has one burst, the next round goes the other
/// way round. Ratios are taken within rounds, so that the drift of a shared machine cancels; medians and quartiles
/// of them are printed.
/// </summary>
internal static class CpuPeers
{
    private const double BurstSeconds = 0.12;
    private const double SecondsPerCase = 5;
    private const int LeastRounds = 3;

    public static async Task<int> RunAsync(string[] args)
    {
        CpuPeersOptions? options;
        try
        {
            options = CpuPeersOptions.Parse(args);
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }

        if (options is null)
        {
            Console.WriteLine(CpuPeersOptions.Help);
            return 0;
        }

        try
        {
            await RunAsync(options);
            return 0;
        }
        catch (InvalidOperationException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static async Task RunAsync(CpuPeersOptions options)
    {
        using var peers = await Peers.StartAsync();
        foreach (var name in peers.Running) Console.WriteLine(name);
        foreach (var missing in peers.Missing) Console.WriteLine($"Not compared: {missing}.");
        var results = new List<PeerResult>();
        if (options.Check) results.AddRange(await CpuCheck.RunAsync(peers));
        var watch = Stopwatch.StartNew();
        foreach (var test in CpuCases.All(options.Quick)
            .Where(c => c.Name.Contains(options.Only, StringComparison.OrdinalIgnoreCase)))
            results.AddRange(await MeasureAsync(test, peers, options));
        var missed = results.Count(r => r.Goal > 0 && r.Ratio < r.Goal);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{results.Count(r => r.Goal > 0) - missed} of {results.Count(r => r.Goal > 0)} goals met; "
            + $"{watch.Elapsed.TotalSeconds:F0} s"));
        if (options.Publishes) PeerResult.Publish(options.Out, results);
        if (options.Table) Console.WriteLine(CpuTable.Of(results));
    }

    private static async Task<List<PeerResult>> MeasureAsync(CpuCase test, Peers peers, CpuPeersOptions options)
    {
        var rounds = new List<Dictionary<Arm, double>>();
        var watch = Stopwatch.StartNew();
        var wanted = options.Rounds ?? (options.Quick ? 3 : 9);
        for (var i = 0; i < wanted && (i < LeastRounds || watch.Elapsed.TotalSeconds < SecondsPerCase); i++)
        {
            var round = new Dictionary<Arm, double>();
            foreach (var arm in i % 2 == 0 ? test.Arms : test.Arms.Reverse())
            {
                // Where a call of the C loops takes seconds, one is enough to see the order of magnitude.
                if (arm.Contestant == Contestant.PlainC && i > 0 && watch.Elapsed.TotalSeconds > SecondsPerCase) continue;
                try
                {
                    if (peers.Get(arm.Contestant) is { } peer
                        && await peer.MeasureAsync(arm.Request, BurstSeconds) is { } seconds)
                        round[arm] = seconds;
                }
                catch (Exception e) when (arm.Contestant is Contestant.Torch or Contestant.PlainC
                    && e is InvalidOperationException or IOException)
                {
                    peers.Drop(arm.Contestant, e.Message);
                    Console.WriteLine($"Not compared any more: {peers.NameOf(arm.Contestant)}.");
                }
            }

            rounds.Add(round);
        }

        return [.. test.Comparisons.Select(c => Compare(test, c, rounds, peers))];
    }

    private static PeerResult Compare(CpuCase test, Comparison comparison, List<Dictionary<Arm, double>> rounds, Peers peers)
    {
        var pairs = rounds.Where(r => r.ContainsKey(test.Ours) && r.ContainsKey(comparison.Arm))
            .Select(r => (comparison.OurWork / r[test.Ours], comparison.TheirWork / r[comparison.Arm])).ToList();
        var peer = comparison.Peer ?? peers.NameOf(comparison.Arm.Contestant);
        PeerResult result;
        if (pairs.Count > 0)
        {
            var s = RoundStatistics.Of(pairs);
            result = new(test.Name + comparison.Label, Round(s.Ours), comparison.Unit, peer, Round(s.Theirs), Round(s.Ratio))
            {
                LowRatio = Round(s.LowRatio), HighRatio = Round(s.HighRatio), Rounds = s.Rounds, Goal = comparison.Goal,
            };
        }
        else
        {
            var ours = RoundStatistics.Quantile([.. rounds.Select(r => comparison.OurWork / r[test.Ours])], 0.5);
            result = new(test.Name + comparison.Label, Round(ours), comparison.Unit, peer, null, null)
            {
                Rounds = 0,
                Goal = comparison.Goal,
            };
        }

        Console.WriteLine(result);
        return result;
    }

    // Four digits are more than the machine gives.
    private static double Round(double value) =>
        double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
