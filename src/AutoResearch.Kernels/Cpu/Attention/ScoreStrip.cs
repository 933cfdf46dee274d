using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// The element-wise part of attention on a strip of scores: one row for each key, two vectors of queries wide, so that every
/// reduction over keys is vertical. Scores are in units of log 2.
/// </summary>
internal static unsafe class ScoreStrip<T> where T : unmanaged, ILanes<T>
{
    /// <summary>Minus infinity where the query does not see the key.</summary>
    /// <param name="s">Scores.</param>
    /// <param name="stride">From row to row.</param>
    /// <param name="key">Key of the first row.</param>
    /// <param name="rows">Keys.</param>
    /// <param name="first">First key that each query sees.</param>
    /// <param name="last">Last key that each query sees.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Mask(float* s, nint stride, int key, int rows, float* first, float* last)
    {
        T low0 = T.Load(first), low1 = T.Load(first + T.Count), high0 = T.Load(last), high1 = T.Load(last + T.Count);
        for (var row = 0; row < rows; row++, s += stride)
        {
            var k = T.Broadcast(key + row);
            T.Visible(T.Load(s), k, low0, high0).Store(s);
            T.Visible(T.Load(s + T.Count), k, low1, high1).Store(s + T.Count);
        }
    }

    /// <summary>
    /// Online softmax (Milakov and Gimelshein 2018, arXiv:1805.02867): scores become 2^(score − max) with the running maximum;
    /// maximum and sum are brought up to date.
    /// </summary>
    /// <returns>Whether what was summed before has to be multiplied by <paramref name="factor"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool Softmax(float* s, nint stride, int rows, float* max, float* sum, float* factor)
    {
        T old0 = T.Load(max), old1 = T.Load(max + T.Count);
        T new0 = old0, new1 = old1;
        var t = s;
        for (var row = 0; row < rows; row++, t += stride)
        {
            new0 = T.Max(new0, T.Load(t));
            new1 = T.Max(new1, T.Load(t + T.Count));
        }

        // A query that has seen no key yet has the maximum −∞, of which nothing must be subtracted.
        T shift0 = T.Finite(new0), shift1 = T.Finite(new1);
        T sum0 = T.Load(sum), sum1 = T.Load(sum + T.Count);
        var changed = !(T.Same(old0, new0) && T.Same(old1, new1));
        if (changed)
        {
            T factor0 = T.Exp2(old0 - shift0), factor1 = T.Exp2(old1 - shift1);
            factor0.Store(factor);
            factor1.Store(factor + T.Count);
            new0.Store(max);
            new1.Store(max + T.Count);
            sum0 *= factor0;
            sum1 *= factor1;
        }

        for (var row = 0; row < rows; row++, s += stride)
        {
            T p0 = T.Exp2(T.Load(s) - shift0), p1 = T.Exp2(T.Load(s + T.Count) - shift1);
            p0.Store(s);
            p1.Store(s + T.Count);
            sum0 += p0;
            sum1 += p1;
        }

        sum0.Store(sum);
        sum1.Store(sum + T.Count);
        return changed;
    }

    /// <summary>
    /// Scores become probabilities p = 2^(score − logSum), and g, the gradient of p, becomes that of the scores:
    /// p · (g − projection).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Gradient(float* s, float* g, nint stride, int rows, float* logSum, float* projection)
    {
        T log0 = T.Load(logSum), log1 = T.Load(logSum + T.Count);
        T projection0 = T.Load(projection), projection1 = T.Load(projection + T.Count);
        for (var row = 0; row < rows; row++, s += stride, g += stride)
        {
            T p0 = T.Exp2(T.Load(s) - log0), p1 = T.Exp2(T.Load(s + T.Count) - log1);
            p0.Store(s);
            p1.Store(s + T.Count);
            (p0 * (T.Load(g) - projection0)).Store(g);
            (p1 * (T.Load(g + T.Count) - projection1)).Store(g + T.Count);
        }
    }

    internal static void Clear(float* s, nint stride, int rows)
    {
        var zero = T.Broadcast(0);
        for (var row = 0; row < rows; row++, s += stride)
        {
            zero.Store(s);
            zero.Store(s + T.Count);
        }
    }
}
