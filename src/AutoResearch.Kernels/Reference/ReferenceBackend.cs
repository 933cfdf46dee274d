namespace AutoResearch.Kernels;

/// <summary>
/// The operations written as their definitions: plain loops, sums in double precision, one thread. Slow. It is what the fast
/// backends are compared with.
/// </summary>
public sealed unsafe partial class ReferenceBackend : HostBackend
{
    /// <inheritdoc/>
    public override string Name => "reference";

    /// <inheritdoc/>
    protected override void FillCore(Tensor tensor, float value)
    {
        var p = tensor.Floats;
        for (long i = 0; i < tensor.ElementCount; i++) p[i] = value;
    }

    /// <inheritdoc/>
    protected override void ScaleCore(Tensor tensor, float factor)
    {
        var p = tensor.Floats;
        for (long i = 0; i < tensor.ElementCount; i++) p[i] *= factor;
    }

    /// <inheritdoc/>
    protected override void AddCore(Tensor x, Tensor sum)
    {
        float* a = x.Floats, b = sum.Floats;
        for (long i = 0; i < x.ElementCount; i++) b[i] += a[i];
    }

    /// <inheritdoc/>
    protected override void EmbeddingCore(Tensor table, Tensor tokens, Tensor y, Tensor? inverseRms)
    {
        CheckIndices(tokens, table.Shape.Rows, "Token");
        var columns = table.Shape.Columns;
        for (long row = 0; row < tokens.ElementCount; row++)
        {
            float* source = table.Floats + ((long)tokens.Ints[row] * columns), target = y.Floats + (row * columns);
            if (inverseRms is not null)
                inverseRms.Floats[row] = NormRow(source, target, columns);
            else
                for (var i = 0; i < columns; i++) target[i] = source[i];
        }
    }

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(Tensor dy, Tensor y, Tensor? inverseRms, Tensor tokens, Tensor dTable)
    {
        CheckIndices(tokens, dTable.Shape.Rows, "Token");
        var columns = dTable.Shape.Columns;
        for (long row = 0; row < tokens.ElementCount; row++)
        {
            float* g = dy.Floats + (row * columns), target = dTable.Floats + ((long)tokens.Ints[row] * columns);
            if (inverseRms is not null)
                NormRowBackward(g, y.Floats + (row * columns), inverseRms.Floats[row], target, columns, true);
            else
                for (var i = 0; i < columns; i++) target[i] += g[i];
        }
    }

    /// <inheritdoc/>
    protected override void RmsNormCore(Tensor x, Tensor y, Tensor inverseRms)
    {
        var columns = x.Shape.Columns;
        for (long row = 0; row < x.Shape.Rows; row++)
            inverseRms.Floats[row] = NormRow(x.Floats + (row * columns), y.Floats + (row * columns), columns);
    }

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(Tensor dy, Tensor y, Tensor inverseRms, Tensor dx, bool accumulate)
    {
        var columns = y.Shape.Columns;
        for (long row = 0; row < y.Shape.Rows; row++)
        {
            NormRowBackward(
                dy.Floats + (row * columns), y.Floats + (row * columns), inverseRms.Floats[row], dx.Floats + (row * columns),
                columns, accumulate);
        }
    }

    /// <inheritdoc/>
    protected override void MixNormCore(
        Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer, Tensor mixed, Tensor normed, Tensor inverseRms)
    {
        float a = residualScales.Floats[layer], b = inputScales.Floats[layer];
        for (long i = 0; i < x.ElementCount; i++) mixed.Floats[i] = (a * x.Floats[i]) + (b * x0.Floats[i]);
        RmsNormCore(mixed, normed, inverseRms);
    }

    /// <inheritdoc/>
    protected override void MixNormBackwardCore(
        Tensor? dMixed, Tensor dNormed, Tensor normed, Tensor inverseRms, Tensor x, Tensor x0,
        Tensor residualScales, Tensor inputScales, int layer, Tensor dx, bool accumulateX, Tensor dx0, bool accumulateX0)
    {
        var columns = x.Shape.Columns;
        float a = residualScales.Floats[layer], b = inputScales.Floats[layer];
        double sumX = 0, sumX0 = 0;
        for (long row = 0; row < x.Shape.Rows; row++)
        {
            var start = row * columns;
            var projection = Dot(dNormed.Floats + start, normed.Floats + start, columns) / columns;
            for (var i = start; i < start + columns; i++)
            {
                var g = inverseRms.Floats[row] * (dNormed.Floats[i] - (normed.Floats[i] * projection));
                if (dMixed is not null) g += dMixed.Floats[i];
                sumX += g * x.Floats[i];
                sumX0 += g * x0.Floats[i];
                dx.Floats[i] = (float)((accumulateX ? dx.Floats[i] : 0) + (a * g));
                dx0.Floats[i] = (float)((accumulateX0 ? dx0.Floats[i] : 0) + (b * g));
            }
        }

        if (residualScales.Grad is not null) residualScales.Grad.Floats[layer] += (float)sumX;
        if (inputScales.Grad is not null) inputScales.Grad.Floats[layer] += (float)sumX0;
    }

    private static double Dot(float* a, float* b, int count)
    {
        double sum = 0;
        for (var i = 0; i < count; i++) sum += (double)a[i] * b[i];
        return sum;
    }

    private static float NormRow(float* x, float* y, int columns)
    {
        var inverse = 1 / Math.Sqrt((Dot(x, x, columns) / columns) + NormEpsilon);
        for (var i = 0; i < columns; i++) y[i] = (float)(x[i] * inverse);
        return (float)inverse;
    }

    private static void NormRowBackward(float* dy, float* y, float inverseRms, float* dx, int columns, bool accumulate)
    {
        var projection = Dot(dy, y, columns) / columns;
        for (var i = 0; i < columns; i++)
            dx[i] = (float)((accumulate ? dx[i] : 0) + (inverseRms * (dy[i] - (y[i] * projection))));
    }
}
