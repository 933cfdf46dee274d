namespace AutoResearch.Kernels;

public sealed partial class CudaBackend
{
    private const int LogitsAlignment = 64;

    /// <inheritdoc/>
    protected override void LinearCore(Tensor x, Tensor weight, Tensor y, Tensor? residual, Activation activation)
    {
        var (rows, inputs, outputs) = (x.Shape.Rows, x.Shape.Columns, y.Shape.Columns);
        var added = residual is null || residual.Address == y.Address ? 0 : residual.Address;
        Product(new(rows, outputs, inputs) { TransposeB = true }, x.Address, Rounded(weight), Out(y),
            accumulate: residual is not null, added);
        if (activation == Activation.ReluSquared) Elementwise("relu_squared", y.ElementCount, y.Address, y.ElementCount);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(Tensor dy, Tensor weight, Tensor dx, bool accumulate, Tensor? activated)
    {
        Product(new(dx.Shape.Rows, dx.Shape.Columns, dy.Shape.Columns), dy.Address, Rounded(weight), Out(dx), accumulate);
        if (activated is not null)
            Elementwise("relu_squared_backward", dx.ElementCount, activated.Address, dx.Address, dx.ElementCount);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight) => Product(
        new(dy.Shape.Columns, x.Shape.Columns, x.Shape.Rows) { TransposeA = true, Output = DType.Float32 },
        dy.Address, x.Address, Out(dWeight), accumulate: true);

    /// <inheritdoc/>
    protected override void MatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB)
    {
        var (batch, rows, columns) = Matrices(c);
        var (_, ar, ac) = Matrices(a);
        var (_, br, bc) = Matrices(b);
        Product(
            new(rows, columns, transposeA ? ar : ac)
            {
                TransposeA = transposeA, TransposeB = transposeB, Batch = batch,
                BatchStrideA = (long)ar * ac, BatchStrideB = (long)br * bc, BatchStrideC = (long)rows * columns,
            },
            a.Address, b.Address, Out(c), accumulate: false);
    }

    /// <inheritdoc/>
    protected override void SoftcapCore(Tensor x, float cap) =>
        Elementwise("softcap_bf16", x.ElementCount, Out(x), x.ElementCount, cap);

    /// <inheritdoc/>
    protected override void LinearCrossEntropyCore(
        Tensor x, Tensor weight, Tensor targets, float softcap, Tensor losses, Tensor loss,
        float gradientScale, Tensor? dx, Tensor? dWeight)
    {
        var (rows, columns) = ((int)x.Shape.Rows, x.Shape.Columns);
        var vocabulary = Vocabulary(weight);
        var stride = (vocabulary + LogitsAlignment - 1) / LogitsAlignment * LogitsAlignment;
        var counted = _counted.Take(Device, sizeof(int));
        Fill(counted, 0, 4, 1);
        Launch(_kernels.CrossEntropy["count_targets"], new(Blocks(rows, 1024), 256), targets.Address, (long)rows, vocabulary,
            counted, _fault);

        var chunk = (int)Math.Clamp(_options.LogitsBytes / 2 / stride / 128 * 128, 128, Math.Max(128, rows));
        var logits = _logits.Take(Device, (long)Math.Min(chunk, rows) * stride * 2);
        var rounded = Rounded(weight);
        var softmax = _kernels.Softmax[vocabulary switch
        {
            <= 2048 => 0,
            <= 4096 => 1,
            <= 8192 => 2,
            <= 16384 => 3,
            <= 32768 => 4,
            _ => 5,
        }];
        var gradients = dx is not null || dWeight is not null;
        for (var first = 0; first < rows; first += chunk)
        {
            var count = Math.Min(chunk, rows - first);
            var input = x.Address + (nint)((long)first * columns * 2);
            Product(new(count, vocabulary, columns) { TransposeB = true, StrideC = stride }, input, rounded, logits,
                accumulate: false);
            Launch(softmax, new(count, 256), logits, (long)stride, targets.Address + (first * sizeof(int)), vocabulary, softcap,
                gradientScale, counted, losses.Address + (first * sizeof(float)), gradients ? 1 : 0);
            if (dx is not null)
            {
                Product(new(count, columns, vocabulary) { StrideA = stride }, logits, rounded,
                    dx.Address + (nint)((long)first * columns * 2), accumulate: false);
            }

            if (dWeight is not null)
            {
                Product(new(vocabulary, columns, count) { TransposeA = true, StrideA = stride, Output = DType.Float32 }, logits,
                    input, dWeight.Address, accumulate: true);
            }
        }

        if (dx is not null) Out(dx);
        if (dWeight is not null) Out(dWeight);
        Launch(_kernels.CrossEntropy["mean_loss"], new(1, 1024), Out(losses), (long)rows, counted, Out(loss));
    }
}
