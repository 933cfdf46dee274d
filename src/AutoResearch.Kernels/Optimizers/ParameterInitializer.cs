namespace AutoResearch.Kernels;

/// <summary>
/// Fills tensors with random numbers that depend only on a seed and a stream number, not on the backend or its threads: element i
/// is a function of (seed, stream, i), by the counter-based generator Philox4x32-10 (Salmon et al. 2011).
/// </summary>
public static class ParameterInitializer
{
    /// <summary>Normally distributed values.</summary>
    /// <param name="tensor">What is filled.</param>
    /// <param name="standardDeviation">Standard deviation, at least 0; the mean is 0.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="stream">A different number for every tensor.</param>
    public static void Normal(Tensor tensor, float standardDeviation, ulong seed, ulong stream) =>
        Fill(tensor, seed, stream, standardDeviation, normal: true);

    /// <summary>Values uniformly distributed between −bound and bound.</summary>
    /// <param name="tensor">What is filled.</param>
    /// <param name="bound">Largest magnitude, at least 0.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="stream">A different number for every tensor.</param>
    public static void Uniform(Tensor tensor, float bound, ulong seed, ulong stream) =>
        Fill(tensor, seed, stream, bound, normal: false);

    private static void Fill(Tensor tensor, ulong seed, ulong stream, float scale, bool normal)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (!(scale >= 0) || !float.IsFinite(scale))
            throw new ArgumentOutOfRangeException(nameof(scale), scale,
                "The spread of initial values must be finite and not negative.");
        var values = new float[tensor.ElementCount];
        Span<float> four = stackalloc float[4];
        for (var i = 0; i < values.Length; i += 4)
        {
            var (a, b, c, d) = Philox(seed, stream, (ulong)i / 4);
            if (normal)
            {
                (four[0], four[1]) = BoxMuller(a, b);
                (four[2], four[3]) = BoxMuller(c, d);
            }
            else
            {
                (four[0], four[1], four[2], four[3]) = (Symmetric(a), Symmetric(b), Symmetric(c), Symmetric(d));
            }

            for (var j = 0; j < 4 && i + j < values.Length; j++) values[i + j] = scale * four[j];
        }

        tensor.CopyFrom(values);
    }

    // Two normal values from two uniform ones in (0, 1).
    private static (float A, float B) BoxMuller(uint a, uint b)
    {
        var radius = Math.Sqrt(-2 * Math.Log((a + 0.5) / 4294967296.0));
        var (sin, cos) = Math.SinCos(2 * Math.PI * (b + 0.5) / 4294967296.0);
        return ((float)(radius * cos), (float)(radius * sin));
    }

    private static float Symmetric(uint bits) => (float)(((bits + 0.5) * (2.0 / 4294967296.0)) - 1.0);

    private static (uint A, uint B, uint C, uint D) Philox(ulong seed, ulong stream, ulong counter)
    {
        uint c0 = (uint)counter, c1 = (uint)(counter >> 32), c2 = (uint)stream, c3 = (uint)(stream >> 32);
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (var round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c0, p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }
}
