namespace AutoResearch;

/// <summary>
/// Who should be asked next: the one who has brought more accepted gain per cost more often, and nobody is forgotten (UCB1, Auer,
/// Cesa-Bianchi and Fischer 2002, on the rate of gain relative to the best). It reads all it knows from the history.
/// </summary>
internal static class GainBandit
{
    /// <summary>The indices of the names, the one to ask first in front; ties go to the earlier name.</summary>
    /// <param name="state">The history; <see cref="Hypothesis.Proposer"/> tells whose a trial is.</param>
    /// <param name="names">Who can be asked.</param>
    /// <param name="costOf">What a trial has cost, in any unit; trials count alike where nothing has a cost.</param>
    public static IEnumerable<int> Order(ResearchState state, IReadOnlyList<string> names, Func<Trial, double> costOf)
    {
        var arms = names.Select(name => Read(name, state, costOf)).ToArray();
        var (asked, best) = (arms.Sum(a => a.Asked), arms.Max(a => a.Rate));
        return Enumerable.Range(0, arms.Length).OrderByDescending(i => arms[i].Asked == 0
            ? double.PositiveInfinity
            : (best > 0 ? arms[i].Rate / best : 0) + Math.Sqrt(2 * Math.Log(asked) / arms[i].Asked));
    }

    private static (int Asked, double Rate) Read(string name, ResearchState state, Func<Trial, double> costOf)
    {
        var (asked, gain, cost) = (0, 0.0, 0.0);
        foreach (var trial in state.Trials.Where(t => t.Hypothesis.Proposer == name))
        {
            asked++;
            cost += costOf(trial);
            if (trial.Verdict is Accept accept && accept.Statistics.TryGetValue("gain", out var g) && double.IsFinite(g))
                gain += Math.Max(0, g);
        }

        return (asked, gain / (cost > 0 ? cost : Math.Max(asked, 1)));
    }
}
