namespace AutoResearch.Kernels;

/// <summary>Extents of a grid, block or cluster. Numbers and tuples convert implicitly; what is left out is 1.</summary>
/// <param name="X">Fastest running extent.</param>
/// <param name="Y">Second extent.</param>
/// <param name="Z">Third extent.</param>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>Product of the extents.</summary>
    public long Count => (long)X * Y * Z;

    /// <summary>One dimension.</summary>
    /// <param name="x">The extent.</param>
    public static implicit operator Dim3(int x) => new(x);

    /// <summary>Two dimensions.</summary>
    /// <param name="d">The extents.</param>
    public static implicit operator Dim3((int X, int Y) d) => new(d.X, d.Y);

    /// <summary>Three dimensions.</summary>
    /// <param name="d">The extents.</param>
    public static implicit operator Dim3((int X, int Y, int Z) d) => new(d.X, d.Y, d.Z);

    /// <summary>The extents, as in <c>132×1×1</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => FormattableString.Invariant($"{X}×{Y}×{Z}");
}
