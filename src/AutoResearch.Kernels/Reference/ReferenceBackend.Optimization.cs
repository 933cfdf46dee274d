namespace AutoResearch.Kernels;

public sealed unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    protected override void AdamWStepCore(ReadOnlySpan<AdamWUpdate> updates, bool clearGradients)
    {
        foreach (var u in updates)
        {
            float* p = u.Parameter.Floats, g = u.Parameter.Grad!.Floats, m = u.FirstMoment.Floats, v = u.SecondMoment.Floats;
            var (bias1, bias2) = (1 - Math.Pow(u.Beta1, u.Step), 1 - Math.Pow(u.Beta2, u.Step));
            for (long i = 0; i < u.Parameter.ElementCount; i++)
            {
                m[i] = (float)((u.Beta1 * (double)m[i]) + ((1 - (double)u.Beta1) * g[i]));
                v[i] = (float)((u.Beta2 * (double)v[i]) + ((1 - (double)u.Beta2) * g[i] * g[i]));
                var decayed = p[i] * (1 - ((double)u.LearningRate * u.WeightDecay));
                p[i] = (float)(decayed - (u.LearningRate / bias1 * m[i] / (Math.Sqrt(v[i] / bias2) + u.Epsilon)));
                if (clearGradients) g[i] = 0;
            }
        }
    }

    /// <inheritdoc/>
    protected override void MuonMomentumCore(
        ReadOnlySpan<Tensor> parameters, Tensor momentum, Tensor x, float beta, bool clearGradients)
    {
        var size = parameters[0].ElementCount;
        for (var index = 0; index < parameters.Length; index++)
        {
            float* g = parameters[index].Grad!.Floats, m = momentum.Floats + (index * size), d = x.Floats + (index * size);
            double squares = 0;
            for (long i = 0; i < size; i++)
            {
                m[i] = (float)(m[i] + ((1 - (double)beta) * (g[i] - (double)m[i])));
                d[i] = (float)(g[i] + ((double)beta * (m[i] - (double)g[i])));
                squares += (double)d[i] * d[i];
                if (clearGradients) g[i] = 0;
            }

            var scale = 1 / ((Math.Sqrt(squares) * 1.02) + 1e-6);
            for (long i = 0; i < size; i++) d[i] = (float)(d[i] * scale);
        }
    }

    /// <inheritdoc/>
    protected override void PolarPolynomialCore(Tensor gram, Tensor square, float a, float b, float c)
    {
        var (batch, n, _) = Matrices(gram);
        for (long i = 0; i < (long)batch * n * n; i++)
        {
            var diagonal = i / n % n == i % n;
            square.Floats[i] = (float)(((double)c * square.Floats[i]) + ((double)b * gram.Floats[i]) + (diagonal ? a : 0));
        }
    }

    /// <inheritdoc/>
    protected override void MuonUpdateCore(
        Tensor x, ReadOnlySpan<Tensor> parameters, Tensor secondMoment, float learningRate, float weightDecay, float beta2)
    {
        var (rows, columns) = (parameters[0].Shape[0], parameters[0].Shape[1]);
        var tall = rows >= columns;
        var (kept, reduced) = tall ? (rows, columns) : (columns, rows);
        var (keptStride, reducedStride) = tall ? (columns, 1) : (1, columns);
        for (var index = 0; index < parameters.Length; index++)
        {
            float* g = x.Floats + ((long)index * rows * columns), p = parameters[index].Floats,
                v = secondMoment.Floats + ((long)index * kept);
            double norm = 0, scaledNorm = 0;
            for (var i = 0; i < kept; i++)
            {
                double squares = 0;
                for (var j = 0; j < reduced; j++)
                {
                    double value = g[((long)i * keptStride) + ((long)j * reducedStride)];
                    squares += value * value;
                }

                v[i] = (float)(v[i] + ((1 - (double)beta2) * ((squares / reduced) - v[i])));
                norm += squares;
                scaledNorm += squares / Math.Max(v[i], 1e-10f);
            }

            var ratio = Math.Sqrt(norm) / Math.Max(Math.Sqrt(scaledNorm), 1e-10);
            for (var i = 0; i < kept; i++)
            {
                var scale = ratio / Math.Sqrt(Math.Max(v[i], 1e-10f));
                for (var j = 0; j < reduced; j++)
                {
                    var at = ((long)i * keptStride) + ((long)j * reducedStride);
                    var update = g[at] * scale;
                    var decay = update * p[at] >= 0 ? weightDecay * (double)p[at] : 0;
                    p[at] = (float)(p[at] - (learningRate * (update + decay)));
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override double GradientNormCore(ReadOnlySpan<Tensor> parameters)
    {
        double sum = 0;
        foreach (var parameter in parameters)
        {
            var g = parameter.Grad!.Floats;
            for (long i = 0; i < parameter.ElementCount; i++) sum += (double)g[i] * g[i];
        }

        return Math.Sqrt(sum);
    }
}
