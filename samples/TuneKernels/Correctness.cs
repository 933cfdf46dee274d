using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>
/// The guard: kernels with the settings must agree with the definitions, at shapes that leave ragged edges in every block.
/// </summary>
internal sealed class Correctness
{
    /// <summary>Largest allowed difference, relative to the root mean square of the result.</summary>
    public const double Tolerance = 2e-4;

    private const int M = 93, N = 71, K = 1111;
    private static readonly AttentionLayout s_layout = new(2, 150, 4, 2, 32);
    private readonly float[][] _expected;

    /// <summary>Computes what is right.</summary>
    public Correctness()
    {
        using var reference = new ReferenceBackend();
        _expected = Compute(reference);
    }

    /// <summary>The largest difference; NaN or infinity when the result is not finite.</summary>
    public double Difference(Backend backend) => Compute(backend).Zip(_expected, Difference).Aggregate(0.0, Math.Max);

    private static double Difference(float[] actual, float[] expected)
    {
        var rms = Math.Sqrt(expected.Average(v => (double)v * v));
        return actual.Zip(expected, (a, e) => Math.Abs(a - (double)e) / rms).Aggregate(0.0, Math.Max); // NaN stays
    }

    private static float[][] Compute(Backend backend)
    {
        var owned = new List<Tensor>();
        Tensor New(Shape shape, ulong? stream = null)
        {
            var tensor = backend.Allocate(shape);
            if (stream is { } number) ParameterInitializer.Normal(tensor, 1, 1, number);
            owned.Add(tensor);
            return tensor;
        }

        try
        {
            var results = new List<float[]>();
            foreach (var (ta, tb) in (ReadOnlySpan<(bool, bool)>)[(false, false), (false, true), (true, false)])
            {
                var c = New((M, N));
                backend.MatMul(New(ta ? (K, M) : (M, K), 1), New(tb ? (N, K) : (K, N), 2), c, ta, tb);
                results.Add(c.ToArray());
            }

            var qkv = New((s_layout.Tokens, s_layout.Columns), 3);
            var dy = New((s_layout.Tokens, s_layout.QueryColumns), 4);
            foreach (var window in (ReadOnlySpan<int>)[-1, 37])
            {
                var (y, logSumExp, dqkv) = (New(dy.Shape), New((s_layout.Batch, s_layout.Heads, s_layout.Sequence)),
                    New(qkv.Shape));
                backend.Attention(qkv, y, logSumExp, s_layout, window);
                backend.AttentionBackward(qkv, y, logSumExp, dy, dqkv, s_layout, window);
                results.AddRange([y.ToArray(), dqkv.ToArray()]);
            }

            return [.. results];
        }
        finally
        {
            foreach (var tensor in owned) tensor.Dispose();
        }
    }
}
