namespace AutoResearch.Kernels.Tests;

/// <summary>Attention and its gradient, row by row in double precision: what the tiled kernels are measured against.</summary>
internal sealed class ExactAttention
{
    private readonly float[] _qkv;
    private readonly AttentionLayout _layout;
    private readonly int _window;
    private readonly int[]? _documentStarts;

    internal ExactAttention(float[] qkv, float[] dy, in AttentionLayout layout, int window, int[]? documentStarts = null)
    {
        (_qkv, _layout, _window, _documentStarts) = (qkv, layout, window, documentStarts);
        Y = new double[dy.Length];
        LogSumExp = new double[layout.Tokens * layout.Heads];
        Dqkv = new double[qkv.Length];
        for (var batch = 0; batch < layout.Batch; batch++)
            for (var head = 0; head < layout.Heads; head++)
                for (var i = 0; i < layout.Sequence; i++) Row(dy, batch, head, i);
    }

    internal double[] Y { get; }

    internal double[] LogSumExp { get; }

    internal double[] Dqkv { get; }

    private void Row(float[] dy, int batch, int head, int i)
    {
        var (dim, scale) = (_layout.HeadDim, 1 / Math.Sqrt(_layout.HeadDim));
        var kv = _layout.Heads + (head / (_layout.Heads / _layout.KvHeads));
        var (query, output) = (At(batch, i, head), (((batch * _layout.Sequence) + i) * _layout.Heads + head) * dim);
        var first = Math.Max(_window < 0 ? 0 : Math.Max(0, i - _window), _documentStarts?[(batch * _layout.Sequence) + i] ?? 0);
        var p = new double[i - first + 1];
        for (var j = first; j <= i; j++) p[j - first] = scale * Dot(_qkv, query, _qkv, At(batch, j, kv));
        double max = p.Max(), sum = p.Sum(s => Math.Exp(s - max)), projection = 0;
        LogSumExp[(((batch * _layout.Heads) + head) * _layout.Sequence) + i] = max + Math.Log(sum);
        for (var j = first; j <= i; j++)
        {
            p[j - first] = Math.Exp(p[j - first] - max) / sum;
            for (var c = 0; c < dim; c++) Y[output + c] += p[j - first] * _qkv[At(batch, j, kv + _layout.KvHeads) + c];
        }

        for (var c = 0; c < dim; c++) projection += Y[output + c] * dy[output + c];
        for (var j = first; j <= i; j++)
        {
            int key = At(batch, j, kv), value = At(batch, j, kv + _layout.KvHeads);
            var ds = p[j - first] * (Dot(dy, output, _qkv, value) - projection) * scale;
            for (var c = 0; c < dim; c++)
            {
                Dqkv[query + c] += ds * _qkv[key + c];
                Dqkv[key + c] += ds * _qkv[query + c];
                Dqkv[value + c] += p[j - first] * dy[output + c];
            }
        }
    }

    private int At(int batch, int position, int head) =>
        ((((batch * _layout.Sequence) + position) * _layout.Columns) + (head * _layout.HeadDim));

    private double Dot(float[] a, int atA, float[] b, int atB)
    {
        double sum = 0;
        for (var c = 0; c < _layout.HeadDim; c++) sum += (double)a[atA + c] * b[atB + c];
        return sum;
    }
}
