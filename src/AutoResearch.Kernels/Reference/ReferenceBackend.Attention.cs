namespace AutoResearch.Kernels;

public sealed unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    protected override void RotaryNormCore(Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        var (heads, dim, half) = (layout.Heads + layout.KvHeads, layout.HeadDim, layout.HeadDim / 2);
        for (long row = 0; row < layout.Tokens; row++)
        {
            var cos = rotary.Floats + (row % layout.Sequence * dim);
            for (var head = 0; head < heads; head++)
            {
                var x = qkv.Floats + (row * layout.Columns) + ((long)head * dim);
                for (var i = 0; i < half; i++) (x[i], x[half + i]) = Rotate(x[i], x[half + i], cos[i], cos[half + i]);
                inverseRms.Floats[(row * heads) + head] = NormRow(x, x, dim);
            }
        }
    }

    /// <inheritdoc/>
    protected override void RotaryNormBackwardCore(
        Tensor dqkv, Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        var (heads, dim, half) = (layout.Heads + layout.KvHeads, layout.HeadDim, layout.HeadDim / 2);
        for (long row = 0; row < layout.Tokens; row++)
        {
            var cos = rotary.Floats + (row % layout.Sequence * dim);
            for (var head = 0; head < heads; head++)
            {
                var start = (row * layout.Columns) + ((long)head * dim);
                var g = dqkv.Floats + start;
                NormRowBackward(g, qkv.Floats + start, inverseRms.Floats[(row * heads) + head], g, dim, false);
                for (var i = 0; i < half; i++) (g[i], g[half + i]) = Rotate(g[i], g[half + i], cos[i], -cos[half + i]);
            }
        }
    }

    /// <inheritdoc/>
    protected override void ValueEmbeddingCore(
        Tensor qkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, in AttentionLayout layout)
    {
        CheckIndices(tokens, table.Shape.Rows, "Token");
        var channels = gateWeight.Shape.Columns;
        for (long row = 0; row < layout.Tokens; row++)
        {
            var v = qkv.Floats + (row * layout.Columns) + layout.QueryColumns + layout.KvColumns;
            var embedding = table.Floats + ((long)tokens.Ints[row] * layout.KvColumns);
            for (var head = 0; head < layout.KvHeads; head++)
            {
                var z = Dot(x.Floats + (row * x.Shape.Columns), gateWeight.Floats + ((long)head * channels), channels);
                var g = (float)(2 / (1 + Math.Exp(-z)));
                gate.Floats[(row * layout.KvHeads) + head] = g;
                for (var i = head * layout.HeadDim; i < (head + 1) * layout.HeadDim; i++) v[i] += g * embedding[i];
            }
        }
    }

    /// <inheritdoc/>
    protected override void ValueEmbeddingBackwardCore(
        Tensor dqkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, Tensor? dx, in AttentionLayout layout)
    {
        CheckIndices(tokens, table.Shape.Rows, "Token");
        var channels = gateWeight.Shape.Columns;
        for (long row = 0; row < layout.Tokens; row++)
        {
            var dv = dqkv.Floats + (row * layout.Columns) + layout.QueryColumns + layout.KvColumns;
            var start = (long)tokens.Ints[row] * layout.KvColumns;
            for (var head = 0; head < layout.KvHeads; head++)
            {
                var g = gate.Floats[(row * layout.KvHeads) + head];
                var offset = head * layout.HeadDim;
                var dz = Dot(dv + offset, table.Floats + start + offset, layout.HeadDim) * g * (1 - (g / 2));
                if (table.Grad is not null)
                    for (var i = offset; i < offset + layout.HeadDim; i++) table.Grad.Floats[start + i] += g * dv[i];
                for (var c = 0; c < channels; c++)
                {
                    var (input, weight) = ((row * x.Shape.Columns) + c, ((long)head * channels) + c);
                    if (gateWeight.Grad is not null) gateWeight.Grad.Floats[weight] += (float)(dz * x.Floats[input]);
                    if (dx is not null) dx.Floats[input] += (float)(dz * gateWeight.Floats[weight]);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void AttentionCore(
        Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window, Tensor? documentStarts)
    {
        if (documentStarts is not null) CheckDocuments(documentStarts, layout);
        var (dim, scale) = (layout.HeadDim, 1 / Math.Sqrt(layout.HeadDim));
        var scores = new double[layout.Sequence];
        for (var batch = 0; batch < layout.Batch; batch++)
        {
            for (var head = 0; head < layout.Heads; head++)
            {
                for (var i = 0; i < layout.Sequence; i++)
                {
                    var first = First(layout, batch, i, window, documentStarts);
                    double max = double.NegativeInfinity, sum = 0;
                    for (var j = first; j <= i; j++)
                    {
                        scores[j] = scale * Dot(Query(qkv, layout, batch, i, head), Key(qkv, layout, batch, j, head), dim);
                        max = Math.Max(max, scores[j]);
                    }

                    for (var j = first; j <= i; j++) sum += scores[j] = Math.Exp(scores[j] - max);
                    var output = y.Floats + (((((long)batch * layout.Sequence) + i) * layout.Heads) + head) * dim;
                    for (var c = 0; c < dim; c++)
                    {
                        double value = 0;
                        for (var j = first; j <= i; j++) value += scores[j] / sum * Value(qkv, layout, batch, j, head)[c];
                        output[c] = (float)value;
                    }

                    logSumExp.Floats[((((long)batch * layout.Heads) + head) * layout.Sequence) + i] =
                        (float)(max + Math.Log(sum));
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window,
        Tensor? documentStarts)
    {
        if (documentStarts is not null) CheckDocuments(documentStarts, layout);
        FillCore(dqkv, 0);
        var (dim, scale) = (layout.HeadDim, 1 / Math.Sqrt(layout.HeadDim));
        for (var batch = 0; batch < layout.Batch; batch++)
        {
            for (var head = 0; head < layout.Heads; head++)
            {
                for (var i = 0; i < layout.Sequence; i++)
                {
                    var row = (((((long)batch * layout.Sequence) + i) * layout.Heads) + head) * dim;
                    var lse = logSumExp.Floats[((((long)batch * layout.Heads) + head) * layout.Sequence) + i];
                    float* dOut = dy.Floats + row, q = Query(qkv, layout, batch, i, head),
                        dq = Query(dqkv, layout, batch, i, head);
                    var projection = Dot(dOut, y.Floats + row, dim);
                    for (var j = First(layout, batch, i, window, documentStarts); j <= i; j++)
                    {
                        float* k = Key(qkv, layout, batch, j, head), dk = Key(dqkv, layout, batch, j, head);
                        float* v = Value(qkv, layout, batch, j, head), dv = Value(dqkv, layout, batch, j, head);
                        var p = Math.Exp((scale * Dot(q, k, dim)) - lse);
                        var ds = p * (Dot(dOut, v, dim) - projection) * scale;
                        for (var c = 0; c < dim; c++)
                        {
                            dq[c] += (float)(ds * k[c]);
                            dk[c] += (float)(ds * q[c]);
                            dv[c] += (float)(p * dOut[c]);
                        }
                    }
                }
            }
        }
    }

    private static int First(in AttentionLayout layout, int batch, int position, int window, Tensor? documentStarts) => Math.Max(
        window < 0 ? 0 : Math.Max(0, position - window),
        documentStarts is null ? 0 : documentStarts.Ints[((long)batch * layout.Sequence) + position]);

    private static (float A, float B) Rotate(float a, float b, float cos, float sin) =>
        ((float)(((double)a * cos) + ((double)b * sin)), (float)(((double)b * cos) - ((double)a * sin)));

    private static float* Query(Tensor t, in AttentionLayout layout, int batch, int position, int head) =>
        t.Floats + ((((long)batch * layout.Sequence) + position) * layout.Columns) + ((long)head * layout.HeadDim);

    private static float* Key(Tensor t, in AttentionLayout layout, int batch, int position, int head) =>
        Query(t, layout, batch, position, layout.Heads + (head * layout.KvHeads / layout.Heads));

    private static float* Value(Tensor t, in AttentionLayout layout, int batch, int position, int head) =>
        Key(t, layout, batch, position, head) + layout.KvColumns;
}
