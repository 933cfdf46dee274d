using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Serialization;

namespace AutoResearch.Kernels;

/// <summary>Shape of the register tile that a matrix product computes at a time.</summary>
public enum GemmTile
{
    /// <summary>8 × 8 in 128-bit vectors: any machine.</summary>
    Portable8x8,

    /// <summary>6 × 16 in 256-bit vectors: AVX2 with FMA.</summary>
    Avx2,

    /// <summary>14 × 32 in 512-bit vectors: AVX-512.</summary>
    Avx512,
}

/// <summary>
/// Block sizes and tile of the CPU kernels: one object, so that a search over them can replace it (<c>samples/TuneKernels</c>).
/// Results of different settings differ by rounding.
/// </summary>
/// <param name="Tile">Register tile.</param>
/// <param name="BlockRows">
/// Rows of A packed at a time, half of them where B is small; BlockRows × Depth floats should fit half of the second-level cache.
/// </param>
/// <param name="Depth">Inner extent of a block: the deeper, the less often C is read and written.</param>
/// <param name="AttentionQueries">Queries of a block of attention; rounded up to whole tiles.</param>
/// <param name="AttentionKeys">Keys of a block of attention, rounded up likewise; AttentionQueries × AttentionKeys floats should
/// fit the first-level cache.</param>
/// <param name="AttentionBackwardQueries">Queries of a block in the backward pass of attention.</param>
/// <param name="AttentionBackwardKeys">Keys of a block in the backward pass of attention; two blocks of scores should fit the
/// second-level cache.</param>
public sealed record CpuTuning(
    GemmTile Tile, int BlockRows = 224, int Depth = 512, int AttentionQueries = 64, int AttentionKeys = 128,
    int AttentionBackwardQueries = 128, int AttentionBackwardKeys = 128)
{
    /// <summary>The settings that come with the library: the widest tile of this machine.</summary>
    public static CpuTuning Default { get; } = new(
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? GemmTile.Avx512
        : Vector256.IsHardwareAccelerated && Fma.IsSupported ? GemmTile.Avx2 : GemmTile.Portable8x8);

    /// <summary>Rows of the tile.</summary>
    [JsonIgnore]
    public int TileRows => GemmBlocks.RowsOf(Tile);

    /// <summary>Columns of the tile.</summary>
    [JsonIgnore]
    public int TileColumns => GemmBlocks.ColumnsOf(Tile);

    /// <summary>Whether this machine has the vectors that the tile needs.</summary>
    public static bool Supports(GemmTile tile) => Enum.IsDefined(tile) && tile <= Default.Tile;

    /// <summary>Returns these settings when this machine can compute with them.</summary>
    /// <exception cref="ArgumentException">It cannot; the message names the value and the rule.</exception>
    public CpuTuning Validate()
    {
        Require(Supports(Tile), $"{nameof(Tile)} is {Tile}, which this machine cannot compute; it has {Default.Tile}");
        Require(BlockRows >= TileRows,
            $"{nameof(BlockRows)} is {BlockRows}; it must be at least the {TileRows} rows of the tile {Tile}");
        Require(Depth >= 8, $"{nameof(Depth)} is {Depth}; it must be at least 8");
        Require((long)BlockRows * Depth <= Gemm.LargestBlock,
            $"{nameof(BlockRows)} {BlockRows} × {nameof(Depth)} {Depth} is {(long)BlockRows * Depth}; "
            + $"it must not exceed {Gemm.LargestBlock}");
        RequireBlock(AttentionQueries, nameof(AttentionQueries));
        RequireBlock(AttentionKeys, nameof(AttentionKeys));
        RequireBlock(AttentionBackwardQueries, nameof(AttentionBackwardQueries));
        RequireBlock(AttentionBackwardKeys, nameof(AttentionBackwardKeys));
        return this;

        static void RequireBlock(int value, string name) =>
            Require(value is >= 1 and <= 4096, $"{name} is {value}; it must be 1 to 4096");

        static void Require(bool condition, string message)
        {
            if (!condition) throw new ArgumentException($"Impossible kernel settings: {message}.");
        }
    }
}
