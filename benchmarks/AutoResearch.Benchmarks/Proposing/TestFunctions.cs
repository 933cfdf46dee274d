namespace AutoResearch.Benchmarks.Proposing;

/// <summary>The functions of benchmarks/peers/optuna_tpe.py, with the same bounds. All are minimized.</summary>
internal static class TestFunctions
{
    private static readonly double[][] s_a =
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]];

    private static readonly double[][] s_p =
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];

    private static readonly double[] s_c = [1.0, 1.2, 3.0, 3.2];

    public static IReadOnlyList<(string Name, SearchSpace Space, Func<ParameterSet, double> Function)> All { get; } =
    [
        ("sphere5", Cube(5, -5, 5), p => p.Values.Sum(v => v.AsFloat() * v.AsFloat())),
        ("rosenbrock2", new SearchSpace().Float("x", -2, 2).Float("y", -1, 3), Rosenbrock),
        ("branin", new SearchSpace().Float("x", -5, 10).Float("y", 0, 15), Branin),
        ("hartmann6", Cube(6, 0, 1), Hartmann6),
        ("conditional", new SearchSpace().Int("depth", 1, 8).LogFloat("lr", 1e-5, 1).Categorical("optimizer", "sgd", "adam")
            .When("optimizer", "sgd", s => s.Float("momentum", 0, 0.99))
            .When("optimizer", "adam", s => s.Float("beta", 0.5, 0.999).Bool("amsgrad")), Conditional),
    ];

    public static SearchSpace Cube(int dimensions, double low, double high)
    {
        var space = new SearchSpace();
        for (var i = 0; i < dimensions; i++) space = space.Float($"x{i}", low, high);
        return space;
    }

    private static double Rosenbrock(ParameterSet p)
    {
        var (x, y) = (p["x"].AsFloat(), p["y"].AsFloat());
        return Math.Pow(1 - x, 2) + (100 * Math.Pow(y - (x * x), 2));
    }

    private static double Branin(ParameterSet p)
    {
        var (x, y) = (p["x"].AsFloat(), p["y"].AsFloat());
        return Math.Pow(y - (5.1 / (4 * Math.PI * Math.PI) * x * x) + (5 / Math.PI * x) - 6, 2)
            + (10 * (1 - (1 / (8 * Math.PI))) * Math.Cos(x)) + 10;
    }

    private static double Hartmann6(ParameterSet p)
    {
        var x = Enumerable.Range(0, 6).Select(i => p[$"x{i}"].AsFloat()).ToArray();
        return -Enumerable.Range(0, 4)
            .Sum(i => s_c[i] * Math.Exp(-Enumerable.Range(0, 6).Sum(j => s_a[i][j] * Math.Pow(x[j] - s_p[i][j], 2))));
    }

    private static double Conditional(ParameterSet p)
    {
        var loss = Math.Pow(Math.Log10(p["lr"].AsFloat()) + 2.5, 2) + (0.1 * Math.Pow(p["depth"].AsInteger() - 5, 2));
        if (p["optimizer"].AsText() == "sgd") return loss + 0.5 + (5 * Math.Pow(p["momentum"].AsFloat() - 0.9, 2));
        return loss + (10 * Math.Pow(p["beta"].AsFloat() - 0.95, 2)) + (p["amsgrad"].AsBoolean() ? 0 : 0.2);
    }
}
