namespace AutoResearch.Kernels;

/// <summary>The part of <see cref="CpuTuning"/> that a matrix product needs, small enough to travel with its tasks.</summary>
internal readonly record struct GemmBlocks(GemmTile Tile, int BlockRows, int Depth)
{
    internal int TileRows => RowsOf(Tile);

    internal int TileColumns => ColumnsOf(Tile);

    public static implicit operator GemmBlocks(CpuTuning? tuning)
    {
        tuning ??= CpuTuning.Default;
        return new(tuning.Tile, tuning.BlockRows, tuning.Depth);
    }

    internal static int RowsOf(GemmTile tile) => tile switch { GemmTile.Avx512 => 14, GemmTile.Avx2 => 6, _ => 8 };

    internal static int ColumnsOf(GemmTile tile) => tile switch { GemmTile.Avx512 => 32, GemmTile.Avx2 => 16, _ => 8 };
}
