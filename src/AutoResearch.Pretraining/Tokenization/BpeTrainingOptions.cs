namespace AutoResearch.Pretraining;

/// <summary>How a tokenizer is trained.</summary>
public sealed record BpeTrainingOptions
{
    /// <summary>
    /// Bytes of text to count words in. A longer text is sampled: documents spread evenly over it.
    /// </summary>
    /// <value>The default is 32 MiB.</value>
    public long MaximumBytes { get; init; } = 32L << 20;

    /// <summary>
    /// Where trained tokenizers are kept, by the hash of text, vocabulary size and split pattern; null to train always.
    /// </summary>
    /// <value>The default is <see cref="DataCache.Default"/>.</value>
    public DataCache? Cache { get; init; } = DataCache.Default;
}
