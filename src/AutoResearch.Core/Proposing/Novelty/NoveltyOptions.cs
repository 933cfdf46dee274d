using Microsoft.Extensions.AI;

namespace AutoResearch;

/// <summary>How like an earlier idea on the same incumbent a new one may be.</summary>
public sealed class NoveltyOptions
{
    /// <summary>
    /// The likeness of two patches, 0…1, from which they count as the same idea: the Jaccard index of their words. Patches with
    /// different numbers are never alike, since another value is another experiment. Default 0.9.
    /// </summary>
    public double Similarity { get; set; } = 0.9;

    /// <summary>Turns ideas into vectors; null (the default) for no comparison by meaning.</summary>
    public IEmbeddingGenerator<string, Embedding<float>>? Embeddings { get; set; }

    /// <summary>
    /// The cosine of two ideas' vectors from which they count as the same idea, if their numbers agree. Default 0.97.
    /// </summary>
    public double EmbeddingSimilarity { get; set; } = 0.97;

    internal void Validate()
    {
        if (!(Similarity is > 0 and <= 1))
            throw new ArgumentException(
                FormattableString.Invariant($"NoveltyOptions.Similarity is {Similarity}; it must lie in (0, 1]."));
        if (!(EmbeddingSimilarity is > 0 and <= 1))
            throw new ArgumentException(FormattableString.Invariant(
                $"NoveltyOptions.EmbeddingSimilarity is {EmbeddingSimilarity}; it must lie in (0, 1]."));
    }
}
