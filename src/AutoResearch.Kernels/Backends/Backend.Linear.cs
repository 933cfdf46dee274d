namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    /// <summary>Linear layer without bias: <c>y = activation(x · weightᵀ) + residual</c>.</summary>
    /// <param name="x"><c>[rows, inputs]</c>.</param>
    /// <param name="weight"><c>[outputs, inputs]</c>.</param>
    /// <param name="y"><c>[rows, outputs]</c>, overwritten.</param>
    /// <param name="residual">Added to the result, same shape as <paramref name="y"/>; or null. Not together with
    /// an activation.</param>
    /// <param name="activation">Elementwise function.</param>
    public void Linear(Tensor x, Tensor weight, Tensor y, Tensor? residual = null, Activation activation = Activation.None)
    {
        CheckLinear(x, weight, y, nameof(y));
        if (residual is not null)
        {
            Active(residual, nameof(residual), x.Shape.Rows, (int)weight.Shape.Rows);
            if (activation != Activation.None)
                throw new ArgumentException("A linear layer takes a residual or an activation, not both.", nameof(activation));
        }

        LinearCore(x, weight, y, residual, activation);
    }

    /// <summary>Gradient of <see cref="Linear"/> for its input: <c>dx (+)= dy · weight</c>.</summary>
    /// <param name="dy"><c>[rows, outputs]</c>.</param>
    /// <param name="weight"><c>[outputs, inputs]</c>.</param>
    /// <param name="dx"><c>[rows, inputs]</c>.</param>
    /// <param name="accumulate">Add to <paramref name="dx"/>. Not together with <paramref name="activated"/>.</param>
    /// <param name="activated">
    /// When the input was itself <see cref="Activation.ReluSquared"/> of something: that input. The result is then multiplied by
    /// the derivative 2·√activated, so that <paramref name="dx"/> is the gradient before the activation.
    /// </param>
    public void LinearBackwardInput(Tensor dy, Tensor weight, Tensor dx, bool accumulate, Tensor? activated = null)
    {
        CheckLinear(dx, weight, dy, nameof(dy));
        if (activated is not null)
        {
            Active(activated, nameof(activated), dx.Shape.Rows, dx.Shape.Columns);
            if (accumulate)
                throw new ArgumentException("A gradient before an activation cannot be accumulated.", nameof(accumulate));
        }

        LinearBackwardInputCore(dy, weight, dx, accumulate, activated);
    }

    /// <summary>Gradient of <see cref="Linear"/> for its weight: <c>dWeight += dyᵀ · x</c>.</summary>
    /// <param name="dy"><c>[rows, outputs]</c>.</param>
    /// <param name="x"><c>[rows, inputs]</c>.</param>
    /// <param name="dWeight"><c>[outputs, inputs]</c>, accumulated.</param>
    public void LinearBackwardWeight(Tensor dy, Tensor x, Tensor dWeight)
    {
        CheckLinear(x, dWeight, dy, nameof(dy));
        LinearBackwardWeightCore(dy, x, dWeight);
    }

    /// <summary>Batched product <c>c[i] = op(a[i]) · op(b[i])</c> of tensors of rank 3, or of rank 2 as a batch of one.</summary>
    /// <param name="a">Left factors.</param>
    /// <param name="b">Right factors.</param>
    /// <param name="c">Products, overwritten; memory of its own.</param>
    /// <param name="transposeA">Transpose each left factor.</param>
    /// <param name="transposeB">Transpose each right factor.</param>
    public void MatMul(Tensor a, Tensor b, Tensor c, bool transposeA = false, bool transposeB = false)
    {
        CheckProduct(a, b, c, transposeA, transposeB);
        MatMulCore(a, b, c, transposeA, transposeB);
    }

    /// <summary>
    /// <see cref="MatMul"/> for products that the caller knows to be symmetric, such as a matrix times its transpose: a backend
    /// may compute one half and copy it to the other.
    /// </summary>
    /// <param name="a">Left factors.</param>
    /// <param name="b">Right factors.</param>
    /// <param name="c">Square products, overwritten; memory of its own.</param>
    /// <param name="transposeA">Transpose each left factor.</param>
    /// <param name="transposeB">Transpose each right factor.</param>
    public void SymmetricMatMul(Tensor a, Tensor b, Tensor c, bool transposeA = false, bool transposeB = false)
    {
        var (_, rows, columns) = CheckProduct(a, b, c, transposeA, transposeB);
        if (rows != columns)
            throw new ArgumentException($"Symmetric products are square, but c has the shape {c.Shape}.", nameof(c));
        SymmetricMatMulCore(a, b, c, transposeA, transposeB);
    }

    /// <summary>Soft cap in place: <c>x = cap · tanh(x / cap)</c>.</summary>
    /// <param name="x">Values.</param>
    /// <param name="cap">Bound, positive.</param>
    public void Softcap(Tensor x, float cap)
    {
        Active(x, nameof(x), x.Shape.Rows, x.Shape.Columns);
        if (!(cap > 0)) throw new ArgumentOutOfRangeException(nameof(cap), cap, "The bound must be positive.");
        SoftcapCore(x, cap);
    }

    /// <summary>Implements <see cref="Linear"/>.</summary>
    /// <param name="x">Input.</param>
    /// <param name="weight">Weight.</param>
    /// <param name="y">Output.</param>
    /// <param name="residual">Added, or null.</param>
    /// <param name="activation">Elementwise function.</param>
    protected abstract void LinearCore(Tensor x, Tensor weight, Tensor y, Tensor? residual, Activation activation);

    /// <summary>Implements <see cref="LinearBackwardInput"/>.</summary>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="weight">Weight.</param>
    /// <param name="dx">Gradient of the input.</param>
    /// <param name="accumulate">Add instead of overwriting.</param>
    /// <param name="activated">Input after its activation, or null.</param>
    protected abstract void LinearBackwardInputCore(Tensor dy, Tensor weight, Tensor dx, bool accumulate, Tensor? activated);

    /// <summary>Implements <see cref="LinearBackwardWeight"/>.</summary>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="x">Input.</param>
    /// <param name="dWeight">Gradient of the weight, accumulated.</param>
    protected abstract void LinearBackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight);

    /// <summary>Implements <see cref="MatMul"/>.</summary>
    /// <param name="a">Left factors.</param>
    /// <param name="b">Right factors.</param>
    /// <param name="c">Products.</param>
    /// <param name="transposeA">Transpose each left factor.</param>
    /// <param name="transposeB">Transpose each right factor.</param>
    protected abstract void MatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB);

    /// <summary>Implements <see cref="SymmetricMatMul"/>; computes the whole product unless overridden.</summary>
    /// <param name="a">Left factors.</param>
    /// <param name="b">Right factors.</param>
    /// <param name="c">Products.</param>
    /// <param name="transposeA">Transpose each left factor.</param>
    /// <param name="transposeB">Transpose each right factor.</param>
    protected virtual void SymmetricMatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB) =>
        MatMulCore(a, b, c, transposeA, transposeB);

    /// <summary>Implements <see cref="Softcap"/>.</summary>
    /// <param name="x">Values.</param>
    /// <param name="cap">Bound.</param>
    protected abstract void SoftcapCore(Tensor x, float cap);

    /// <summary>Batch, rows and columns of a tensor of rank 2 or 3.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The three extents.</returns>
    protected static (int Batch, int Rows, int Columns) Matrices(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.Shape.Rank == 2
            ? (1, tensor.Shape[0], tensor.Shape[1])
            : (tensor.Shape[0], tensor.Shape[1], tensor.Shape[2]);
    }

    private (int Batch, int Rows, int Columns) CheckProduct(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB)
    {
        var (batch, ar, ac) = Batched(a, nameof(a));
        var (batchB, br, bc) = Batched(b, nameof(b));
        var (batchC, cr, cc) = Batched(c, nameof(c));
        var (m, k) = transposeA ? (ac, ar) : (ar, ac);
        var (k2, n) = transposeB ? (bc, br) : (br, bc);
        if (batch != batchB || batch != batchC || k != k2 || cr != m || cc != n)
            throw new ArgumentException($"The shapes {a.Shape}{(transposeA ? "ᵀ" : "")} · {b.Shape}{(transposeB ? "ᵀ" : "")} = "
                + $"{c.Shape} do not fit together.");
        return (batch, cr, cc);
    }

    private (int Batch, int Rows, int Columns) Batched(Tensor tensor, string name)
    {
        Active(tensor, name, tensor.Shape.Rows, tensor.Shape.Columns);
        if (tensor.Shape.Rank is not (2 or 3))
            throw new ArgumentException($"{name} must have rank 2 or 3, but its shape is {tensor.Shape}.", name);
        return Matrices(tensor);
    }

    private void CheckLinear(Tensor x, Tensor weight, Tensor y, string yName)
    {
        Active(x, "x", x.Shape.Rows, x.Shape.Columns);
        Float(weight, nameof(weight), weight.Shape.Rows, x.Shape.Columns);
        Active(y, yName, x.Shape.Rows, (int)weight.Shape.Rows);
    }
}
