namespace AutoResearch.Kernels;

/// <summary>A kernel that walks over rows with one warp each, in versions that keep up to so many columns in registers.</summary>
internal sealed class RowKernels
{
    internal const int WarpsPerBlock = 8;

    // Blocks beyond which warps take several rows: enough to fill any GPU, and a number that sums do not depend on the GPU with.
    private const int MostBlocks = 1 << 16;

    private readonly CudaFunction _1, _2, _4, _8, _any;

    internal RowKernels(IReadOnlyDictionary<string, CudaFunction> functions, string name)
    {
        (_1, _2, _4, _8, _any) = (functions[name + "_1"], functions[name + "_2"], functions[name + "_4"], functions[name + "_8"],
            functions[name + "_0"]);
    }

    internal CudaFunction For(int columns) => columns switch
    {
        <= 256 => _1,
        <= 512 => _2,
        <= 1024 => _4,
        <= 2048 => _8,
        _ => _any,
    };

    internal static CudaLaunch Grid(long rows, int mostBlocks = MostBlocks) =>
        new((int)Math.Min((rows + WarpsPerBlock - 1) / WarpsPerBlock, mostBlocks), WarpsPerBlock * 32);
}
