namespace AutoResearch;

/// <summary>
/// A density over a search space: a mixture with one product kernel per observation and a uniform prior. Numeric
/// dimensions live in the unit interval and have truncated normal kernels, integrated over the cell of a discrete value;
/// categorical ones have a point mass that is smoothed. A dimension that did not apply to an observation is uniform in its
/// kernel, so conditional spaces need no grouping.
/// </summary>
/// <remarks>
/// Multivariate kernels as in BOHB (Falkner, Klein and Hutter 2018); the bandwidth follows Scott's rule, n^(−1/(d+4)), with
/// a floor that falls with n.
/// </remarks>
internal sealed class ParzenEstimator
{
    private const double BandwidthFactor = 0.14;
    private const int RecentObservations = 25;
    private readonly SearchParameter[] _parameters;
    private readonly double[][] _centres; // by dimension, then kernel: place, index of the choice, or NaN where it did not apply
    private readonly double[][] _logNorms; // log of the kernel's mass inside the unit interval
    private readonly double[] _logWeights;
    private readonly double[] _cumulative;
    private readonly double _bandwidth;
    private readonly double _smoothing;

    public ParzenEstimator(SearchSpace space, IReadOnlyList<ParameterSet> observations, double priorWeight)
    {
        _parameters = [.. space.Parameters];
        var n = observations.Count;
        _bandwidth = Math.Max(BandwidthFactor * Math.Pow(Math.Max(n, 1), -1.0 / (_parameters.Length + 4)),
            1.0 / Math.Min(100, 1 + n));
        _smoothing = priorWeight / (n + 1);
        _centres = new double[_parameters.Length][];
        _logNorms = new double[_parameters.Length][];
        for (var d = 0; d < _parameters.Length; d++)
        {
            (_centres[d], _logNorms[d]) = (new double[n + 1], new double[n + 1]);
            for (var k = 0; k <= n; k++)
            {
                _centres[d][k] = k < n && observations[k].TryGetValue(_parameters[d].Name, out var value)
                    ? Place(_parameters[d], value)
                    : double.NaN;
                if (_parameters[d] is NumericParameter) _logNorms[d][k] = Math.Log(Mass(0, 1, _centres[d][k]));
            }
        }

        var weights = Weights(n, priorWeight);
        var total = weights.Sum();
        _logWeights = [.. weights.Select(w => Math.Log(w / total))];
        _cumulative = new double[n + 1];
        for (var (k, sum) = (0, 0.0); k <= n; k++) _cumulative[k] = sum += weights[k] / total;
    }

    /// <summary>Draws a point; a dimension that <paramref name="fix"/> gives a value for keeps it if it applies.</summary>
    public ParameterSet Sample(Random random, Func<SearchParameter, ParameterValue?>? fix = null)
    {
        var kernel = Array.BinarySearch(_cumulative, random.NextDouble());
        kernel = Math.Min(kernel < 0 ? ~kernel : kernel, _cumulative.Length - 1);
        var values = new Dictionary<string, ParameterValue>(StringComparer.Ordinal);
        for (var d = 0; d < _parameters.Length; d++)
        {
            if (_parameters[d].IsActive(values))
                values.Add(_parameters[d].Name, fix?.Invoke(_parameters[d]) ?? Draw(random, d, _centres[d][kernel]));
        }
        return new(values);
    }

    /// <summary>The logarithm of the density at a point of the space.</summary>
    public double LogDensity(ParameterSet point)
    {
        var logs = (double[])_logWeights.Clone();
        for (var d = 0; d < _parameters.Length; d++)
        {
            if (!point.TryGetValue(_parameters[d].Name, out var value)) continue;
            if (_parameters[d] is NumericParameter numeric) AddNumeric(logs, d, numeric, value);
            else AddCategorical(logs, d, (CategoricalParameter)_parameters[d], value);
        }
        var max = logs.Max();
        return max + Math.Log(logs.Sum(l => Math.Exp(l - max)));
    }

    private void AddNumeric(double[] logs, int d, NumericParameter parameter, ParameterValue value)
    {
        var (centres, norms) = (_centres[d], _logNorms[d]);
        var (low, high) = parameter.Cell(value);
        var place = parameter.ToUnit(value);
        var constant = -Math.Log(_bandwidth * Math.Sqrt(2 * Math.PI));
        for (var k = 0; k < logs.Length; k++)
        {
            if (double.IsNaN(centres[k]))
            {
                logs[k] += high > low ? Math.Log(Math.Min(high, 1) - Math.Max(low, 0)) : 0;
            }
            else if (high > low)
            {
                logs[k] += Math.Log(Math.Max(Mass(Math.Max(low, 0), Math.Min(high, 1), centres[k]), 1e-300)) - norms[k];
            }
            else
            {
                var z = (place - centres[k]) / _bandwidth;
                logs[k] += constant - (0.5 * z * z) - norms[k];
            }
        }
    }

    private void AddCategorical(double[] logs, int d, CategoricalParameter parameter, ParameterValue value)
    {
        var (centres, index, choices) = (_centres[d], parameter.IndexOf(value), parameter.Choices.Count);
        var (hit, miss, any) = (Math.Log((1 + _smoothing) / (1 + (choices * _smoothing))),
            Math.Log(_smoothing / (1 + (choices * _smoothing))), -Math.Log(choices));
        for (var k = 0; k < logs.Length; k++) logs[k] += double.IsNaN(centres[k]) ? any : (int)centres[k] == index ? hit : miss;
    }

    private ParameterValue Draw(Random random, int d, double centre)
    {
        if (double.IsNaN(centre)) return _parameters[d].Sample(random);
        if (_parameters[d] is CategoricalParameter categorical)
        {
            var choices = categorical.Choices.Count;
            return random.NextDouble() * (1 + (choices * _smoothing)) < 1
                ? categorical.Choices[(int)centre]
                : categorical.Sample(random);
        }
        // Rejection is quick: a centre lies inside, so at least about half of the mass of a narrow kernel does.
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var place = centre + (_bandwidth * Normal(random));
            if (place is >= 0 and <= 1) return ((NumericParameter)_parameters[d]).FromUnit(place);
        }
        return ((NumericParameter)_parameters[d]).FromUnit(centre);
    }

    private double Mass(double low, double high, double centre) => double.IsNaN(centre)
        ? high - low
        : NormalCdf((high - centre) / _bandwidth) - NormalCdf((low - centre) / _bandwidth);

    // Complementary error function by a Chebyshev fit, relative error below 1.2e-7 (Press et al., Numerical Recipes, 6.2): a
    // density needs no more, and this is the innermost loop.
    private static double NormalCdf(double x)
    {
        var z = Math.Abs(x) / Math.Sqrt(2);
        var t = 1 / (1 + (0.5 * z));
        var tail = 0.5 * t
            * Math.Exp((-z * z) - 1.26551223 + (t * (1.00002368 + (t * (0.37409196 + (t * (0.09678418 + (t * (-0.18628806
                + (t * (0.27886807 + (t * (-1.13520398 + (t * (1.48851587 + (t * (-0.82215223 + (t * 0.17087277))))))))))))))))));
        return x >= 0 ? 1 - tail : tail;
    }

    private static double Place(SearchParameter parameter, ParameterValue value) => parameter is NumericParameter numeric
        ? numeric.ToUnit(value)
        : ((CategoricalParameter)parameter).IndexOf(value);

    // Old observations fade once there are many, since they were drawn where the search no longer is.
    private static double[] Weights(int n, double priorWeight)
    {
        var weights = new double[n + 1];
        var old = Math.Max(0, n - RecentObservations);
        for (var k = 0; k < n; k++) weights[k] = k >= old || old == 1 ? 1 : (1.0 / n) + ((1 - (1.0 / n)) * k / (old - 1));
        weights[n] = priorWeight;
        return weights;
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
