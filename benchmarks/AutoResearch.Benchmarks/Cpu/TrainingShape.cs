using System.Globalization;
using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The shape of a training step; everything else is the library's default.</summary>
internal readonly record struct TrainingShape(int Depth, int Dim, int Heads, int Sequence, int Batch, int Vocabulary)
{
    public GptConfig Config =>
        new() { Depth = Depth, Dim = Dim, Heads = Heads, SequenceLength = Sequence, VocabularySize = Vocabulary };

    public int Tokens => Batch * Sequence;

    /// <summary>The shape in a request.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Depth} {Dim} {Heads} {Sequence} {Batch} {Vocabulary}");

    /// <summary>
    /// FLOPs of forward and backward pass: 6 per parameter and token, causal and windowed attention at what it needs.
    /// </summary>
    public double ModelFlops => GptSize.Of(Config).ExactFlopsPerToken * Tokens;

    /// <summary>
    /// FLOPs of the products that our Muon executes: a third to a half of what the peers' iteration takes for the same update.
    /// </summary>
    public double MuonFlops
    {
        get
        {
            var (dim, kv, mlp) = (Dim, Config.KvDim, Config.MlpDim);
            return Config.Depth * ((2 * Matrix(dim, dim)) + (2 * Matrix(kv, dim)) + Matrix(mlp, dim) + Matrix(dim, mlp));

            // Five iterations; a symmetric product counts half. Oblong matrices are iterated on their Gram matrix.
            static double Matrix(double rows, double columns)
            {
                var (small, large) = (Math.Min(rows, columns), Math.Max(rows, columns));
                return small == large ? 20 * small * small * small : (3 * small * small * large) + (17 * small * small * small);
            }
        }
    }
}
