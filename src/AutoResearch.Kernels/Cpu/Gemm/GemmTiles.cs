namespace AutoResearch.Kernels;

/// <summary>
/// Micro-kernels: C[rows × columns] (+)= A · B over depth steps. A is packed [depth][rows], B [depth][columns], C has the row
/// stride ldc. Every accumulator is a named local and no call is made while they live, so that all of them stay in registers.
/// </summary>
internal static unsafe partial class GemmTiles
{
    /// <summary>The micro-kernel of a tile: a, b, c, ldc, depth, whether to add to C.</summary>
    internal static delegate*<float*, float*, float*, nint, nint, bool, void> Of(GemmTile tile) => tile switch
    {
        GemmTile.Avx512 => &Tile14x32,
        GemmTile.Avx2 => &Tile6x16,
        _ => &Tile8x8,
    };

    /// <summary>The valid part of a tile that lies in scratch memory, to or onto C.</summary>
    internal static void CopyEdge(float* edge, int edgeStride, float* c, int ldc, int height, int width, bool add)
    {
        for (var y = 0; y < height; y++)
        {
            float* to = c + ((long)y * ldc), from = edge + (y * edgeStride);
            if (add) Simd.AddScaled(from, 1, to, width);
            else new Span<float>(from, width).CopyTo(new(to, width));
        }
    }
}
