namespace AutoResearch.Pretraining;

/// <summary>Parameters and floating-point operations of a model, from its configuration alone.</summary>
public sealed record GptSize
{
    private GptSize() { }

    /// <summary>Parameters of the token embedding.</summary>
    public long Embedding { get; private init; }

    /// <summary>Parameters of the value embeddings.</summary>
    public long ValueEmbeddings { get; private init; }

    /// <summary>Parameters of the output head.</summary>
    public long Head { get; private init; }

    /// <summary>Parameters of the layers' matrices, gates included.</summary>
    public long Matrices { get; private init; }

    /// <summary>The factors on residual stream and embedding.</summary>
    public long Scalars { get; private init; }

    /// <summary>All parameters.</summary>
    public long Total => Embedding + ValueEmbeddings + Head + Matrices + Scalars;

    /// <summary>
    /// Training FLOPs per token as autoresearch counts them: 6 per parameter of a matrix product, and attention as if every
    /// query saw its whole window, which counts causal attention about twice.
    /// </summary>
    public double FlopsPerToken { get; private init; }

    /// <summary>Training FLOPs per token with attention counted exactly: the keys that a query sees on average.</summary>
    public double ExactFlopsPerToken { get; private init; }

    /// <summary>Counts a model.</summary>
    /// <exception cref="ArgumentException">The configuration is impossible.</exception>
    public static GptSize Of(GptConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        var (dim, vocabulary, kv) = ((long)config.Dim, (long)config.VocabularySize, (long)config.KvDim);
        var valueLayers = Enumerable.Range(0, config.Depth).Count(config.HasValueEmbedding);
        var size = new GptSize
        {
            Embedding = vocabulary * dim,
            Head = vocabulary * dim,
            ValueEmbeddings = valueLayers * vocabulary * kv,
            Matrices = config.Depth * (2 * dim * dim + 2 * kv * dim + 2 * dim * config.MlpDim)
                + (long)valueLayers * config.KvHeads * config.GateChannels,
            Scalars = 2 * config.Depth,
        };
        var products = 6.0 * (size.Head + size.Matrices);
        var (counted, exact) = (0.0, 0.0);
        for (var layer = 0; layer < config.Depth; layer++)
        {
            counted += 12.0 * dim * Math.Min(config.WindowOf(layer), config.SequenceLength);
            exact += 12.0 * dim * MeanKeys(config.SequenceLength, config.WindowOf(layer));
        }

        return size with { FlopsPerToken = products + counted, ExactFlopsPerToken = products + exact };
    }

    // The query at position i sees min(i, window) + 1 keys.
    private static double MeanKeys(long length, long window)
    {
        var ramp = Math.Min(length, window + 1);
        return (ramp * (ramp + 1) / 2.0 + (length - ramp) * (window + 1.0)) / length;
    }
}
