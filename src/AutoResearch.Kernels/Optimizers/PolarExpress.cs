namespace AutoResearch.Kernels;

/// <summary>
/// The nearest (semi-)orthogonal matrices of a batch, up to a few per cent, by the Polar Express iteration (Amsel et al. 2025,
/// arXiv:2505.16932): x ← (a·I + b·G + c·G²) · x with the Gram matrix G of the shorter side.
/// </summary>
/// <remarks>
/// In single precision, where one side is longer, the iteration runs on G alone: every factor is a polynomial in the first G, so
/// that all of them are symmetric and commute, G becomes B·B·G, and x is multiplied only once, by the product of the factors. The
/// result is the same up to rounding and, for five iterations on a matrix four times as wide as high, takes a third of the
/// operations. In bfloat16 the small eigenvalues of G would be lost, so x itself is iterated there, as it is where
/// both sides are equal.
/// </remarks>
internal sealed class PolarExpress : IDisposable
{
    // Odd polynomials a·x + b·x³ + c·x⁵ of the paper's method for singular values down to 1e-3, with a safety factor of 1.02.
    private static readonly (float A, float B, float C)[] Coefficients =
    [
        (8.156554524902461f, -22.48329292557795f, 15.878769915207462f),
        (4.042929935166739f, -2.808917465908714f, 0.5000178451051316f),
        (3.8916678022926607f, -2.772484153217685f, 0.5060648178503393f),
        (3.285753657755655f, -2.3681294933425376f, 0.46449024233003106f),
        (2.3465413258596377f, -1.7097828382687081f, 0.42323551169305323f),
    ];

    private readonly Backend _backend;
    private readonly bool _tall;
    private readonly Tensor _scratch;
    private readonly Tensor[] _squares;

    /// <param name="backend">Where to compute.</param>
    /// <param name="count">Matrices in the batch.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="columns">Columns of each.</param>
    /// <param name="onGram">Iterate on the Gram matrix; null where it is exact enough and cheaper.</param>
    internal PolarExpress(Backend backend, int count, int rows, int columns, bool? onGram = null)
    {
        _backend = backend;
        _tall = rows > columns;
        OnGram = onGram ?? (rows != columns && backend.ActivationType == DType.Float32);
        _scratch = backend.Allocate((count, rows, columns), backend.ActivationType);
        var side = Math.Min(rows, columns);
        _squares = new Tensor[OnGram ? 4 : 2];
        for (var i = 0; i < _squares.Length; i++) _squares[i] = backend.Allocate((count, side, side), backend.ActivationType);
    }

    /// <summary>Most iterations there are coefficients for.</summary>
    internal static int MaxIterations => Coefficients.Length;

    /// <summary>Whether the Gram matrix is iterated instead of x.</summary>
    internal bool OnGram { get; }

    /// <summary>Orthogonalises.</summary>
    /// <param name="x"><c>[count, rows, columns]</c> with spectral norms of at most 1; overwritten.</param>
    /// <param name="iterations">1 to <see cref="MaxIterations"/>.</param>
    /// <returns>The result: <paramref name="x"/> or memory of this object, valid until the next call.</returns>
    internal Tensor Run(Tensor x, int iterations) => OnGram ? IterateGram(x, iterations) : IterateMatrix(x, iterations);

    /// <summary>Releases the workspace.</summary>
    public void Dispose()
    {
        _scratch.Dispose();
        foreach (var square in _squares) square.Dispose();
    }

    // Two buffers change places.
    private Tensor IterateMatrix(Tensor x, int iterations)
    {
        var (gram, factor, next) = (_squares[0], _squares[1], _scratch);
        for (var i = 0; i < iterations; i++)
        {
            _backend.SymmetricMatMul(x, x, gram, transposeA: _tall, transposeB: !_tall);
            Factor(i, gram, factor);
            Apply(factor, x, next);
            (x, next) = (next, x);
        }

        return x;
    }

    private Tensor IterateGram(Tensor x, int iterations)
    {
        var (gram, factor, product, work) = (_squares[0], _squares[1], _squares[2], _squares[3]);
        _backend.SymmetricMatMul(x, x, gram, transposeA: _tall, transposeB: !_tall);
        for (var i = 0; i < iterations; i++)
        {
            Factor(i, gram, factor);
            if (i + 1 < iterations)
            {
                _backend.SymmetricMatMul(factor, gram, work);
                _backend.SymmetricMatMul(factor, work, gram);
            }

            if (i == 0)
            {
                (product, factor) = (factor, product);
                continue;
            }

            _backend.SymmetricMatMul(factor, product, work);
            (product, work) = (work, product);
        }

        Apply(product, x, _scratch);
        return _scratch;
    }

    // factor = a·I + b·G + c·G²
    private void Factor(int iteration, Tensor gram, Tensor factor)
    {
        var (a, b, c) = Coefficients[iteration];
        _backend.SymmetricMatMul(gram, gram, factor);
        _backend.PolarPolynomial(gram, factor, a, b, c);
    }

    private void Apply(Tensor factor, Tensor x, Tensor result)
    {
        if (_tall) _backend.MatMul(x, factor, result);
        else _backend.MatMul(factor, x, result);
    }
}
