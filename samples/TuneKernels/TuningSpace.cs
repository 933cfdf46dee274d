using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>The settings of the kernels as a search space, and back.</summary>
internal sealed class TuningSpace
{
    /// <summary>What the library does without a file.</summary>
    public CpuTuning Defaults { get; } = CpuTuning.Default;

    /// <summary>The defaults as parameters.</summary>
    public Candidate Baseline => Candidate.Of(
        ("tile", Defaults.Tile.ToString()), ("block_kb", Defaults.BlockRows * Defaults.Depth * sizeof(float) / 1024),
        ("depth", Defaults.Depth),
        ("attention_queries", Defaults.AttentionQueries), ("attention_keys", Defaults.AttentionKeys),
        ("backward_queries", Defaults.AttentionBackwardQueries), ("backward_keys", Defaults.AttentionBackwardKeys));

    /// <summary>
    /// The tiles with the machine's vectors, size and depth of a packed block, blocks of attention. Every point is possible.
    /// </summary>
    public SearchSpace Space { get; } = new SearchSpace()
        .Categorical("tile", [.. Enum.GetValues<GemmTile>().Where(t => CpuTuning.Supports(t)
            && (t != GemmTile.Portable8x8 || t == CpuTuning.Default.Tile)).Select(t => (ParameterValue)t.ToString())])
        .LogInt("block_kb", 32, 512)
        .Int("depth", 64, 1024, step: 32)
        .Int("attention_queries", 32, 256, step: 32)
        .Int("attention_keys", 32, 512, step: 32)
        .Int("backward_queries", 32, 256, step: 32)
        .Int("backward_keys", 32, 512, step: 32);

    /// <summary>The settings that a candidate stands for: as many whole tiles as fit into the block.</summary>
    /// <exception cref="ArgumentException">They are impossible.</exception>
    public CpuTuning ToTuning(ParameterSet parameters)
    {
        var tile = Enum.Parse<GemmTile>(parameters["tile"].AsText());
        var (block, depth, rows) = (Int("block_kb") * 1024 / sizeof(float), Int("depth"), new CpuTuning(tile).TileRows);
        return new CpuTuning(
            tile, Math.Max(1, block / depth / rows) * rows, depth, Int("attention_queries"), Int("attention_keys"),
            Int("backward_queries"),
            Int("backward_keys")).Validate();

        int Int(string name) => (int)parameters[name].AsInteger();
    }
}
