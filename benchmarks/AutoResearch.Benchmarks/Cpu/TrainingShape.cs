using System.Globalization;
using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The shape of a training step; everything else is the library's default.</summary>
internal readonly record struct TrainingShape(int Depth, int Dim, int Heads, int Sequence, int Batch, int Vocabulary)
{
    public GptConfig Config => new() { Depth = Depth, Dim = Dim, Heads = Heads, SequenceLength = Sequence, VocabularySize = Vocabulary };

    public int Tokens => Batch * Sequence;

    /// <summary>The shape in a request.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Depth} {Dim} {Heads} {Sequence} {Batch} {Vocabulary}");

    /// <summary>FLOPs of forward and backward pass: 6 per parameter and token, causal and windowed attention at what it needs.</summary>
    public double ModelFlops => GptSize.Of(Config).ExactFlopsPerToken * Tokens;

    /// <summary>FLOPs of the products in Muon's five iterations.</summary>
    public double MuonFlops
    {
        get
        {
            var config = Config;
            var kv = config.KvDim;
            return config.Depth * (Matrix(Dim, Dim) + Matrix(kv, Dim) + Matrix(kv, Dim) + Matrix(Dim, Dim) + Matrix(config.MlpDim, Dim) + Matrix(Dim, config.MlpDim));

            static double Matrix(double rows, double columns)
            {
                double small = Math.Min(rows, columns), large = Math.Max(rows, columns);
                return 5 * ((4 * small * small * large) + (2 * small * small * small));
            }
        }
    }
}
