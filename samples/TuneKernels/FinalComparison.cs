using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>
/// The last word: the winner against the defaults in fresh rounds, with an interval for each workload and for all.
/// </summary>
internal sealed class FinalComparison(CpuTuning winner, CpuTuning defaults, DuelSetup setup)
{
    public const int Rounds = 120;
    public const int DryRounds = 24;
    private readonly List<(string Name, PairedRatios Ratios)> _rows = [];

    /// <summary>Whether the whole interval over all workloads lies below 1.</summary>
    public bool IsFaster => _rows[^1].Ratios.Interval().High < 1;

    /// <summary>Measures.</summary>
    public FinalComparison Run(int rounds, CancellationToken cancellationToken = default)
    {
        using var duel = new Duel(winner, defaults, setup);
        duel.Run(rounds, cancellationToken);
        _rows.AddRange(duel.Names.Zip(duel.Ratios));
        _rows.Add(("all, geometric mean", duel.Overall));
        return this;
    }

    /// <summary>Prints time relative to the defaults.</summary>
    public void Print()
    {
        foreach (var (name, ratios) in _rows)
        {
            var (low, high) = ratios.Interval();
            Console.WriteLine(FormattableString.Invariant(
                $"  {name,-46} time × {ratios.Median:F3}, 95 % between {low:F3} and {high:F3} ({ratios.Count} rounds)"));
        }
    }
}
