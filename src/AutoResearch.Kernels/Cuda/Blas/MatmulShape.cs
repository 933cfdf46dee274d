using System.Globalization;

namespace AutoResearch.Kernels;

/// <summary>
/// A matrix product on row-major matrices: <c>C[m, n] = alpha · op(A)[m, k] · op(B)[k, n] + beta · C</c>, possibly for many
/// matrices at equal distances.
/// </summary>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">Length of the sums.</param>
public readonly record struct MatmulShape(long M, long N, long K)
{
    /// <summary>True when A lies in memory as <c>[k, m]</c>.</summary>
    public bool TransposeA { get; init; }

    /// <summary>True when B lies in memory as <c>[n, k]</c>, as weights do.</summary>
    public bool TransposeB { get; init; }

    /// <summary>Element type of A and B.</summary>
    public DType Input { get; init; } = DType.BFloat16;

    /// <summary>Element type of C. Sums are made in single precision whatever it is.</summary>
    public DType Output { get; init; } = DType.BFloat16;

    /// <summary>Elements from one row of A in memory to the next; 0 when they follow each other.</summary>
    public long StrideA { get; init; }

    /// <summary>Elements from one row of B in memory to the next; 0 when they follow each other.</summary>
    public long StrideB { get; init; }

    /// <summary>Elements from one row of C to the next; 0 when they follow each other.</summary>
    public long StrideC { get; init; }

    /// <summary>Number of products.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Elements from one A to the next; 0 for the same A in all products.</summary>
    public long BatchStrideA { get; init; }

    /// <summary>Elements from one B to the next; 0 for the same B in all products.</summary>
    public long BatchStrideB { get; init; }

    /// <summary>Elements from one C to the next.</summary>
    public long BatchStrideC { get; init; }

    /// <summary>Floating-point operations: two per multiply-add.</summary>
    public double Flops => 2.0 * M * N * K * Batch;

    internal long RowA => StrideA > 0 ? StrideA : TransposeA ? M : K;

    internal long RowB => StrideB > 0 ? StrideB : TransposeB ? K : N;

    internal long RowC => StrideC > 0 ? StrideC : N;

    internal void Validate()
    {
        if (M < 1 || N < 1 || K < 1 || Batch < 1) throw new ArgumentException($"{this}: extents and batch must be at least 1.");
        if (Input == DType.Int32 || Output == DType.Int32)
            throw new ArgumentException($"{this}: matrices are Float32 or BFloat16.");
        if (RowA < (TransposeA ? M : K)) throw new ArgumentException($"{this}: rows of A overlap (stride {StrideA}).");
        if (RowB < (TransposeB ? K : N)) throw new ArgumentException($"{this}: rows of B overlap (stride {StrideB}).");
        if (RowC < N) throw new ArgumentException($"{this}: rows of C overlap (stride {StrideC}).");
        if (Batch > 1 && BatchStrideC < ((M - 1) * RowC) + N)
            throw new ArgumentException($"{this}: the results overlap (batch stride {BatchStrideC}).");
    }

    /// <summary>Extents, transposition, types and batch.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"matmul {M}×{N}×{K} {(TransposeA ? 'T' : 'N')}{(TransposeB ? 'T' : 'N')} "
        + $"{Input}→{Output}{(Batch > 1 ? $" ×{Batch}" : "")}");
}
