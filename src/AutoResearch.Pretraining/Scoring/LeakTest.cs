namespace AutoResearch.Pretraining;

/// <summary>
/// Tests by betting that a model does not know the token that follows. A token drawn from q, whatever went before, is put behind
/// a prefix; a model that cannot see it gives it p, and p(token)/q(token) has expectation 1 whatever the model is. A player who
/// stakes a fixed share of the capital on every draw can therefore become a million times richer with probability 10⁻⁶ at most
/// (Ville 1939; Shafer, "Testing by betting", 2021), unless answers depend on the token: then the capital explodes.
/// </summary>
internal sealed class LeakTest
{
    /// <summary>The false-alarm probability is one in this many, for any honest model.</summary>
    public const double Odds = 1e6;

    private static readonly double[] s_stakes = [0.01, 0.05, 0.2, 0.7];
    private readonly double[] _logCapital = new double[s_stakes.Length];

    /// <summary>The capital of four players with a quarter of the stake each.</summary>
    public double Capital => _logCapital.Sum(Math.Exp) / s_stakes.Length;

    public bool Leaks => Capital > Odds;

    /// <param name="probability">What the model gave to the token.</param>
    /// <param name="expected">q: how likely it was drawn.</param>
    public void Add(double probability, double expected)
    {
        for (var i = 0; i < s_stakes.Length; i++)
            _logCapital[i] = Math.Min(600, _logCapital[i] + Math.Log(1 - s_stakes[i] + (s_stakes[i] * probability / expected)));
    }
}
