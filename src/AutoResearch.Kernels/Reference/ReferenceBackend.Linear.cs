namespace AutoResearch.Kernels;

public sealed unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    protected override void LinearCore(Tensor x, Tensor weight, Tensor y, Tensor? residual, Activation activation)
    {
        Product(x.Floats, weight.Floats, y.Floats, (int)x.Shape.Rows, y.Shape.Columns, x.Shape.Columns, false, true, false);
        for (long i = 0; i < y.ElementCount; i++)
        {
            if (activation == Activation.ReluSquared) y.Floats[i] = Math.Max(0, y.Floats[i]) * Math.Max(0, y.Floats[i]);
            if (residual is not null) y.Floats[i] += residual.Floats[i];
        }
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(Tensor dy, Tensor weight, Tensor dx, bool accumulate, Tensor? activated)
    {
        Product(
            dy.Floats, weight.Floats, dx.Floats, (int)dx.Shape.Rows, dx.Shape.Columns, dy.Shape.Columns, false,
            false, accumulate);
        if (activated is null) return;
        for (long i = 0; i < dx.ElementCount; i++) dx.Floats[i] *= 2 * MathF.Sqrt(activated.Floats[i]);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight) => Product(
        dy.Floats, x.Floats, dWeight.Floats, dy.Shape.Columns, x.Shape.Columns, (int)x.Shape.Rows, true, false, true);

    /// <inheritdoc/>
    protected override void MatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB)
    {
        var (batch, rows, columns) = Matrices(c);
        var (_, ar, ac) = Matrices(a);
        var inner = transposeA ? ar : ac;
        for (long i = 0; i < batch; i++)
        {
            Product(
                a.Floats + (i * ar * ac), b.Floats + (i * inner * columns), c.Floats + (i * rows * columns),
                rows, columns, inner, transposeA, transposeB, false);
        }
    }

    /// <inheritdoc/>
    protected override void SoftcapCore(Tensor x, float cap)
    {
        for (long i = 0; i < x.ElementCount; i++) x.Floats[i] = (float)(cap * Math.Tanh(x.Floats[i] / (double)cap));
    }

    /// <inheritdoc/>
    protected override void LinearCrossEntropyCore(
        Tensor x, Tensor weight, Tensor targets, float softcap, Tensor losses, Tensor loss,
        float gradientScale, Tensor? dx, Tensor? dWeight)
    {
        var (rows, columns, vocabulary) = ((int)x.Shape.Rows, x.Shape.Columns, (int)weight.Shape.Rows);
        CheckIndices(targets, vocabulary, "Target", IgnoreIndex);
        var counted = 0;
        for (var row = 0; row < rows; row++) counted += targets.Ints[row] == IgnoreIndex ? 0 : 1;
        var logits = new double[vocabulary];
        var dLogits = new double[vocabulary];
        double total = 0;
        if (dx is not null) FillCore(dx, 0);
        for (var row = 0; row < rows; row++)
        {
            losses.Floats[row] = 0;
            var target = targets.Ints[row];
            if (target == IgnoreIndex) continue;
            var input = x.Floats + ((long)row * columns);
            for (var v = 0; v < vocabulary; v++)
            {
                logits[v] = Dot(input, weight.Floats + ((long)v * columns), columns);
                if (softcap > 0) logits[v] = softcap * Math.Tanh(logits[v] / softcap);
            }

            var max = logits.Max();
            var sum = logits.Sum(l => Math.Exp(l - max));
            var rowLoss = max + Math.Log(sum) - logits[target];
            losses.Floats[row] = (float)rowLoss;
            total += rowLoss;
            for (var v = 0; v < vocabulary; v++)
            {
                var cap = softcap > 0 ? logits[v] / softcap : 0;
                dLogits[v] = (Math.Exp(logits[v] - max) / sum) - (v == target ? 1 : 0);
                dLogits[v] *= (1 - (cap * cap)) * gradientScale / counted;
            }

            for (var i = 0; i < columns; i++)
            {
                double g = 0;
                for (var v = 0; v < vocabulary; v++)
                {
                    g += dLogits[v] * weight.Floats[((long)v * columns) + i];
                    if (dWeight is not null) dWeight.Floats[((long)v * columns) + i] += (float)(dLogits[v] * input[i]);
                }

                if (dx is not null) dx.Floats[((long)row * columns) + i] = (float)g;
            }
        }

        loss.Floats[0] = counted == 0 ? 0 : (float)(total / counted);
    }

    // c (+)= op(a) · op(b), with op(a) [m, k] and op(b) [k, n].
    private static void Product(
        float* a, float* b, float* c, int m, int n, int k, bool transposeA, bool transposeB, bool accumulate)
    {
        for (long i = 0; i < m; i++)
        {
            for (long j = 0; j < n; j++)
            {
                double sum = accumulate ? c[(i * n) + j] : 0;
                for (long l = 0; l < k; l++)
                    sum += (double)a[transposeA ? (l * m) + i : (i * k) + l] * b[transposeB ? (j * k) + l : (l * n) + j];
                c[(i * n) + j] = (float)sum;
            }
        }
    }
}
