using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AutoResearch.Kernels;

/// <summary>Shape of the register tile that <see cref="Gemm"/> computes at a time.</summary>
internal enum GemmTile
{
    /// <summary>8 × 8 in 128-bit vectors: any machine.</summary>
    Portable8x8,

    /// <summary>6 × 16 in 256-bit vectors: AVX2 with FMA.</summary>
    Avx2,

    /// <summary>14 × 32 in 512-bit vectors: AVX-512.</summary>
    Avx512,
}

/// <summary>Block sizes and tile of the CPU kernels: one object, so that a search over them can replace it.</summary>
/// <param name="Tile">Register tile.</param>
/// <param name="BlockRows">Rows of A packed at a time; BlockRows × Depth floats should fit half of the second-level cache.</param>
/// <param name="Depth">Inner extent of a block; a tile-wide panel of B of this depth should fit the first-level cache.</param>
internal sealed record CpuTuning(GemmTile Tile, int BlockRows = 280, int Depth = 256)
{
    /// <summary>The widest tile of this machine.</summary>
    internal static CpuTuning Default { get; } = new(
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? GemmTile.Avx512
        : Vector256.IsHardwareAccelerated && Fma.IsSupported ? GemmTile.Avx2 : GemmTile.Portable8x8);

    /// <summary>Rows of the tile.</summary>
    internal int TileRows => Tile switch { GemmTile.Avx512 => 14, GemmTile.Avx2 => 6, _ => 8 };

    /// <summary>Columns of the tile.</summary>
    internal int TileColumns => Tile switch { GemmTile.Avx512 => 32, GemmTile.Avx2 => 16, _ => 8 };
}
