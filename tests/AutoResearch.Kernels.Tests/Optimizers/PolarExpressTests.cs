using AutoResearch.Tests;

namespace AutoResearch.Kernels.Tests;

public sealed class PolarExpressTests
{
    [Theory]
    [InlineData(17, 40)]
    [InlineData(40, 17)]
    [InlineData(64, 256)]
    [InlineData(1, 9)]
    public void Run_OnTheGramMatrix_EqualsTheIterationOnTheMatrix(int rows, int columns)
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        using var plain = new PolarExpress(backend, 3, rows, columns, onGram: false);
        using var onGram = new PolarExpress(backend, 3, rows, columns);
        Assert.True(onGram.OnGram);
        for (var iterations = 1; iterations <= PolarExpress.MaxIterations; iterations++)
            foreach (var spread in (double[])[1, 1e-3])
                GradientCase.Near(Run(plain, iterations, spread), Run(onGram, iterations, spread), 2e-3,
                    $"{iterations} iterations, spread {spread}");

        float[] Run(PolarExpress polar, int iterations, double spread)
        {
            using var x = backend.Allocate((3, rows, columns));
            x.CopyFrom(Matrices(3, rows, columns, spread));
            return polar.Run(x, iterations).ToArray();
        }
    }

    [Theory]
    [InlineData(24, 24)]
    [InlineData(16, 64)]
    [InlineData(64, 16)]
    public void Run_WellConditioned_SingularValuesComeNearOne(int rows, int columns)
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        using var polar = new PolarExpress(backend, 2, rows, columns);
        using var x = backend.Allocate((2, rows, columns));
        x.CopyFrom(Matrices(2, rows, columns, 1));
        var result = polar.Run(x, 5);
        var side = Math.Min(rows, columns);
        using var gram = backend.Allocate((2, side, side));
        backend.MatMul(result, result, gram, transposeA: rows > columns, transposeB: rows <= columns);
        var trace = Enumerable.Range(0, 2 * side).Sum(i => gram.ToArray()[(i / side * side * side) + (i % side * (side + 1))])
            / (2.0 * side);
        Assert.InRange(trace, 0.9, 1.1);
    }

    [Fact]
    public void Run_Warm_AllocatesNothing()
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        using var polar = new PolarExpress(backend, 3, 20, 50);
        using var x = backend.Allocate((3, 20, 50));
        Allocations.None(() => polar.Run(x, 5));
    }

    [Theory]
    [InlineData(1, 5, 7, 1)]
    [InlineData(2, 64, 33, 2)]
    [InlineData(3, 100, 20, 2)]
    [InlineData(5, 257, 65, 3)]
    [InlineData(4, 14, 14, 4)]
    public void SymmetricMatMul_AnyShape_EqualsTheWholeProductAndIsSymmetric(int batch, int n, int k, int threads)
    {
        using var backend = new CpuBackend(new() { Threads = threads });
        using var x = backend.Allocate((batch, n, k));
        using var y = backend.Allocate((batch, k, n));
        x.CopyFrom(Matrices(batch, n, k, 1));
        y.CopyFrom(Matrices(batch, k, n, 1));
        using var whole = backend.Allocate((batch, n, n));
        using var half = backend.Allocate((batch, n, n));
        foreach (var (operand, tall) in new[] { (x, false), (y, true) })
        {
            half.Fill(float.NaN);
            backend.MatMul(operand, operand, whole, transposeA: tall, transposeB: !tall);
            backend.SymmetricMatMul(operand, operand, half, transposeA: tall, transposeB: !tall);
            var (expected, actual) = (whole.ToArray(), half.ToArray());
            GradientCase.Near(expected, actual, 1e-5, "product");
            for (var b = 0; b < batch; b++)
                for (var i = 0; i < n; i++)
                    for (var j = 0; j < i; j++)
                        Assert.Equal(actual[(((b * n) + i) * n) + j], actual[(((b * n) + j) * n) + i]);
        }
    }

    [Fact]
    public void SymmetricMatMul_NotSquare_IsRefused()
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var a = backend.Allocate((2, 3));
        using var b = backend.Allocate((3, 4));
        using var c = backend.Allocate((2, 4));
        Assert.Contains("square", Assert.Throws<ArgumentException>(() => backend.SymmetricMatMul(a, b, c)).Message,
            StringComparison.Ordinal);
    }

    // Rows of falling length, so that the smallest singular values are about the spread times the largest;
    // Frobenius norms below one.
    private static float[] Matrices(int batch, int rows, int columns, double spread)
    {
        var random = new Random(rows + (1000 * columns));
        var values = new float[batch * rows * columns];
        for (var b = 0; b < batch; b++)
        {
            var matrix = values.AsSpan(b * rows * columns, rows * columns);
            double squares = 0;
            for (var i = 0; i < matrix.Length; i++)
            {
                var place = rows <= columns ? (i / columns) / (double)rows : (i % columns) / (double)columns;
                matrix[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(spread, place));
                squares += matrix[i] * matrix[i];
            }

            for (var i = 0; i < matrix.Length; i++) matrix[i] /= (float)(1.02 * Math.Sqrt(squares));
        }

        return values;
    }
}
