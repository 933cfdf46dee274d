namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Attention and its gradient row by row in double precision, with every mask the CUDA kernels know.</summary>
internal sealed class AttentionReference
{
    private readonly AttentionCase _case;

    internal AttentionReference(AttentionCase test)
    {
        _case = test;
        var random = new Random(test.Queries + test.HeadDim);
        float[] Values(int rows, int heads, float magnitude)
        {
            var values = new float[test.Batch * heads * rows * test.HeadDim];
            for (var i = 0; i < values.Length; i++) values[i] = RoundToBf16((float)((random.NextDouble() * 2) - 1) * magnitude);
            return values;
        }

        (Q, Dout) = (Values(test.Queries, test.Heads, test.Magnitude), Values(test.Queries, test.Heads, 2));
        (K, V) = (Values(test.Keys, test.KvHeads, test.Magnitude), Values(test.Keys, test.KvHeads, 2));
        (O, Dq, Dk, Dv) = (new double[Q.Length], new double[Q.Length], new double[K.Length], new double[K.Length]);
        Lse = new double[test.Batch * test.Heads * test.Queries];
        Starts = new int[test.Batch * test.Queries];
        if (test.Documents) FillStarts(random);
        for (var b = 0; b < test.Batch; b++)
            for (var h = 0; h < test.Heads; h++)
                for (var i = 0; i < test.Queries; i++) Row(b, h, i);
    }

    /// <summary>Gets inputs, [batch, heads, sequence, channels], exact in bf16.</summary>
    internal float[] Q { get; }

    internal float[] K { get; }

    internal float[] V { get; }

    internal float[] Dout { get; }

    internal int[] Starts { get; }

    internal double[] O { get; }

    internal double[] Lse { get; }

    internal double[] Dq { get; }

    internal double[] Dk { get; }

    internal double[] Dv { get; }

    internal static float RoundToBf16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }

    // Documents of 1, 1, 3 and then random lengths.
    private void FillStarts(Random random)
    {
        for (var b = 0; b < _case.Batch; b++)
        {
            for (int i = 0, start = 0; i < _case.Queries; i++)
            {
                if (i is 1 or 2 or 5 || random.Next(40) == 0) start = i;
                Starts[(b * _case.Queries) + i] = start;
            }
        }
    }

    private void Row(int b, int h, int i)
    {
        var (d, scale) = (_case.HeadDim, 1 / Math.Sqrt(_case.HeadDim));
        var diagonal = i + _case.Keys - _case.Queries;
        var first = Math.Max(0, _case.Window < 0 ? 0 : diagonal - _case.Window);
        if (_case.Documents) first = Math.Max(first, Starts[(b * _case.Queries) + i]);
        var last = _case.Causal ? diagonal : _case.Keys - 1;
        var line = (((b * _case.Heads) + h) * _case.Queries) + i;
        if (last < first)
        {
            Lse[line] = double.NegativeInfinity;
            return;
        }

        int q = line * d, keys = ((b * _case.KvHeads) + (h / (_case.Heads / _case.KvHeads))) * _case.Keys;
        var p = new double[last - first + 1];
        for (var j = first; j <= last; j++) p[j - first] = scale * Dot(Q, q, K, (keys + j) * d);
        double max = p.Max(), sum = p.Sum(s => Math.Exp(s - max)), delta = 0;
        Lse[line] = max + Math.Log(sum);
        for (var j = first; j <= last; j++)
        {
            p[j - first] = Math.Exp(p[j - first] - max) / sum;
            for (var c = 0; c < d; c++) O[q + c] += p[j - first] * V[((keys + j) * d) + c];
        }

        for (var c = 0; c < d; c++) delta += O[q + c] * Dout[q + c];
        for (var j = first; j <= last; j++)
        {
            var key = (keys + j) * d;
            var ds = p[j - first] * (Dot(Dout, q, V, key) - delta) * scale;
            for (var c = 0; c < d; c++)
            {
                Dq[q + c] += ds * K[key + c];
                Dk[key + c] += ds * Q[q + c];
                Dv[key + c] += p[j - first] * Dout[q + c];
            }
        }
    }

    private double Dot(float[] a, int atA, float[] b, int atB)
    {
        double sum = 0;
        for (var c = 0; c < _case.HeadDim; c++) sum += (double)a[atA + c] * b[atB + c];
        return sum;
    }
}
