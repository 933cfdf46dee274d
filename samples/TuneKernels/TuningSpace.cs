using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>The settings of the kernels as a search space, and back.</summary>
internal sealed class TuningSpace
{
    /// <summary>What the library does without a file.</summary>
    public CpuTuning Defaults { get; } = CpuTuning.Default;

    /// <summary>The defaults as parameters.</summary>
    public Candidate Baseline => Candidate.Of(
        ("tile", Defaults.Tile.ToString()), ("block_kb", Defaults.BlockRows * Defaults.Depth * sizeof(float) / 1024), ("depth", Defaults.Depth));

    /// <summary>The tiles with the machine's vectors, the size of a packed block, and its depth. Every point is possible.</summary>
    public SearchSpace Space { get; } = new SearchSpace()
        .Categorical("tile", [.. Enum.GetValues<GemmTile>().Where(t => CpuTuning.Supports(t) && (t != GemmTile.Portable8x8 || t == CpuTuning.Default.Tile)).Select(t => (ParameterValue)t.ToString())])
        .LogInt("block_kb", 32, 512)
        .Int("depth", 64, 1024, step: 32);

    /// <summary>The settings that a candidate stands for: as many whole tiles as fit into the block.</summary>
    /// <exception cref="ArgumentException">They are impossible.</exception>
    public CpuTuning ToTuning(ParameterSet parameters)
    {
        var tile = Enum.Parse<GemmTile>(parameters["tile"].AsText());
        var (block, depth, rows) = ((int)parameters["block_kb"].AsInteger() * 1024 / sizeof(float), (int)parameters["depth"].AsInteger(), new CpuTuning(tile).TileRows);
        return new CpuTuning(tile, Math.Max(1, block / depth / rows) * rows, depth).Validate();
    }
}
