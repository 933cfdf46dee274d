using System.Numerics;

namespace AutoResearch.Pretraining;

/// <summary>The normaliser of a row of logits, computed with vectors of whatever width the processor has.</summary>
internal static class LogSumExp
{
    /// <summary>log Σ exp(logit); NaN when one of them is not finite.</summary>
    public static double Of(ReadOnlySpan<float> logits)
    {
        var (max, min) = (float.NegativeInfinity, float.PositiveInfinity);
        var i = 0;
        if (logits.Length >= Vector<float>.Count)
        {
            var (high, low) = (new Vector<float>(max), new Vector<float>(min));
            for (; i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                var values = new Vector<float>(logits[i..]);
                (high, low) = (Vector.Max(high, values), Vector.Min(low, values));
            }

            for (var k = 0; k < Vector<float>.Count; k++) (max, min) = (MathF.Max(max, high[k]), MathF.Min(min, low[k]));
        }

        for (; i < logits.Length; i++) (max, min) = (MathF.Max(max, logits[i]), MathF.Min(min, logits[i]));
        if (!float.IsFinite(max) || !float.IsFinite(min)) return double.NaN;

        var sum = 0.0;
        var shift = new Vector<float>(max);
        for (i = 0; i <= logits.Length - Vector<float>.Count;)
        {
            // In single precision for a while, then on in double, so that the error does not grow with the vocabulary.
            var end = Math.Min(logits.Length - Vector<float>.Count, i + (256 * Vector<float>.Count));
            var part = Vector<float>.Zero;
            for (; i <= end; i += Vector<float>.Count) part += Vector.Exp(new Vector<float>(logits[i..]) - shift);
            sum += Vector.Sum(part);
        }

        for (; i < logits.Length; i++) sum += MathF.Exp(logits[i] - max);
        return max + Math.Log(sum);
    }
}
