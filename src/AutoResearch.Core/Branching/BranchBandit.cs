namespace AutoResearch;

/// <summary>
/// Which branch works next, from the slices so far alone: the one with more confirmed gain per run lately, with a bonus for the
/// seldom tried (UCB1, Auer, Cesa-Bianchi and Fischer 2002, over a window since returns fall off: Garivier and Moulines 2011).
/// </summary>
internal static class BranchBandit
{
    /// <summary>The name of the next branch; null when all are dead.</summary>
    public static string? Next(IReadOnlyList<string> names, IReadOnlyList<BranchSlice> slices, BranchingOptions options)
    {
        var living = names.Where(n => !IsDead(Of(n, slices), options)).ToArray();
        if (living.FirstOrDefault(n => Of(n, slices).Length == 0) is { } fresh) return fresh;
        var rates = living.ToDictionary(n => n, n => Rate(Of(n, slices), options.Window), StringComparer.Ordinal);
        var best = rates.Count == 0 ? 0 : rates.Values.Max();
        var recent = slices.TakeLast(options.Window * names.Count).ToArray();
        return living.MaxBy(n => (best > 0 ? rates[n] / best : 0)
            + (options.Exploration
                * Math.Sqrt(2 * Math.Log(Math.Max(2, recent.Length)) / Math.Max(1, recent.Count(s => s.Branch == n)))));
    }

    /// <summary>Whether nothing has come of a branch for too long.</summary>
    public static bool IsDead(IReadOnlyList<BranchSlice> own, BranchingOptions options)
    {
        var idle = 0;
        for (var i = own.Count - 1; i >= 0 && own[i].Gain <= (i > 0 ? own.Take(i).Max(s => s.Gain) : 0); i--) idle++;
        return idle >= options.DeadAfter;
    }

    public static BranchSlice[] Of(string name, IReadOnlyList<BranchSlice> slices) =>
        [.. slices.Where(s => s.Branch == name && s.Runs is not null)];

    private static double Rate(BranchSlice[] own, int window)
    {
        var from = Math.Max(0, own.Length - window);
        var before = from > 0 ? own[from - 1].Gain : 0;
        return Math.Max(0, own[^1].Gain - before) / Math.Max(1, own.Skip(from).Sum(s => s.Runs ?? 0));
    }
}
