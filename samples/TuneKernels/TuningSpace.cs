using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>The settings of the kernels as a search space, and back.</summary>
internal sealed class TuningSpace
{
    /// <summary>What the library does without a file.</summary>
    public CpuTuning Defaults { get; } = CpuTuning.Default;

    /// <summary>The defaults as parameters.</summary>
    public Candidate Baseline => Candidate.Of(
        ("tile", Defaults.Tile.ToString()), ("block_tiles", Defaults.BlockRows / Rows(Defaults.Tile)), ("depth", Defaults.Depth));

    /// <summary>Every tile that the machine has vectors for; blocks in whole tiles.</summary>
    public SearchSpace Space { get; } = new SearchSpace()
        .Categorical("tile", [.. Enum.GetValues<GemmTile>().Where(CpuTuning.Supports).Select(t => (ParameterValue)t.ToString())])
        .LogInt("block_tiles", 1, 64)
        .Int("depth", 64, 1024, step: 32);

    /// <summary>The settings that a candidate stands for.</summary>
    /// <exception cref="ArgumentException">They are impossible: too large a block.</exception>
    public CpuTuning ToTuning(ParameterSet parameters)
    {
        var tile = Enum.Parse<GemmTile>(parameters["tile"].AsText());
        return new CpuTuning(tile, (int)parameters["block_tiles"].AsInteger() * Rows(tile), (int)parameters["depth"].AsInteger()).Validate();
    }

    private static int Rows(GemmTile tile) => new CpuTuning(tile).TileRows;
}
