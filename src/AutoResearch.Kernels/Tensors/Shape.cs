namespace AutoResearch.Kernels;

/// <summary>
/// Extents of a row-major tensor of rank 1 to 4. Tuples and single numbers convert implicitly: <c>Shape s = (8, 64);</c>
/// </summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly int _d0, _d1, _d2, _d3;

    private Shape(int rank, int d0, int d1, int d2, int d3)
    {
        if (d0 < 1 || (rank > 1 && d1 < 1) || (rank > 2 && d2 < 1) || (rank > 3 && d3 < 1))
            throw new ArgumentOutOfRangeException(nameof(d0), Describe(rank, d0, d1, d2, d3),
                "Every extent of a shape must be at least 1.");
        (Rank, _d0, _d1, _d2, _d3) = (rank, d0, d1, d2, d3);
    }

    /// <summary>Creates a vector shape.</summary>
    /// <param name="d0">Number of elements, at least 1.</param>
    public Shape(int d0) : this(1, d0, 1, 1, 1) { }

    /// <summary>Creates a matrix shape.</summary>
    /// <param name="d0">Rows, at least 1.</param>
    /// <param name="d1">Columns, at least 1.</param>
    public Shape(int d0, int d1) : this(2, d0, d1, 1, 1) { }

    /// <summary>Creates a shape of rank 3.</summary>
    /// <param name="d0">Outermost extent, at least 1.</param>
    /// <param name="d1">Middle extent, at least 1.</param>
    /// <param name="d2">Innermost extent, at least 1.</param>
    public Shape(int d0, int d1, int d2) : this(3, d0, d1, d2, 1) { }

    /// <summary>Creates a shape of rank 4.</summary>
    /// <param name="d0">Outermost extent, at least 1.</param>
    /// <param name="d1">Second extent, at least 1.</param>
    /// <param name="d2">Third extent, at least 1.</param>
    /// <param name="d3">Innermost extent, at least 1.</param>
    public Shape(int d0, int d1, int d2, int d3) : this(4, d0, d1, d2, d3) { }

    /// <summary>Number of dimensions, 1 to 4; 0 only for <c>default</c>.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public long ElementCount => Rank == 0 ? 0 : (long)_d0 * _d1 * _d2 * _d3;

    /// <summary>The innermost extent: columns of a matrix.</summary>
    public int Columns => Rank == 0 ? 0 : this[Rank - 1];

    /// <summary>Product of all extents but the innermost: rows when the tensor is seen as a matrix.</summary>
    public long Rows => Rank == 0 ? 0 : ElementCount / Columns;

    /// <summary>Extent of one dimension.</summary>
    /// <param name="dimension">0 is the outermost.</param>
    /// <exception cref="ArgumentOutOfRangeException">The shape has no such dimension.</exception>
    public int this[int dimension] => (uint)dimension < (uint)Rank
        ? dimension switch { 0 => _d0, 1 => _d1, 2 => _d2, _ => _d3 }
        : throw new ArgumentOutOfRangeException(nameof(dimension), dimension, $"The shape {this} has {Rank} dimensions.");

    /// <summary>The same shape with another outermost extent.</summary>
    /// <param name="d0">New outermost extent, at least 1.</param>
    /// <returns>The new shape.</returns>
    public Shape WithFirst(int d0) => new(Rank, d0, _d1, _d2, _d3);

    /// <summary>A vector shape.</summary>
    /// <param name="d0">Number of elements.</param>
    public static implicit operator Shape(int d0) => new(d0);

    /// <summary>A matrix shape.</summary>
    /// <param name="d">Rows and columns.</param>
    public static implicit operator Shape((int D0, int D1) d) => new(d.D0, d.D1);

    /// <summary>A shape of rank 3.</summary>
    /// <param name="d">The extents, outermost first.</param>
    public static implicit operator Shape((int D0, int D1, int D2) d) => new(d.D0, d.D1, d.D2);

    /// <summary>A shape of rank 4.</summary>
    /// <param name="d">The extents, outermost first.</param>
    public static implicit operator Shape((int D0, int D1, int D2, int D3) d) => new(d.D0, d.D1, d.D2, d.D3);

    /// <summary>True when rank and all extents agree.</summary>
    /// <param name="left">One shape.</param>
    /// <param name="right">Another shape.</param>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>True when rank or an extent differs.</summary>
    /// <param name="left">One shape.</param>
    /// <param name="right">Another shape.</param>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        Rank == other.Rank && _d0 == other._d0 && _d1 == other._d1 && _d2 == other._d2 && _d3 == other._d3;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, _d0, _d1, _d2, _d3);

    /// <summary>The extents in brackets, as in <c>[8, 64]</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Describe(Rank, _d0, _d1, _d2, _d3);

    private static string Describe(int rank, int d0, int d1, int d2, int d3) => rank switch
    {
        0 => "[]",
        1 => $"[{d0}]",
        2 => $"[{d0}, {d1}]",
        3 => $"[{d0}, {d1}, {d2}]",
        _ => $"[{d0}, {d1}, {d2}, {d3}]",
    };
}
