namespace AutoResearch.Pretraining;

/// <summary>
/// Text prepared once and shared by all runs: tokenizers by vocabulary size, encoded training text, and the validation text
/// laid out by vocabulary and sequence length, each made when first needed. Thread-safe.
/// </summary>
/// <param name="corpus">The text and its splits.</param>
/// <param name="validationBytes">Validation bytes that are scored. Default 256 KiB; another value makes scores
/// incomparable.</param>
/// <param name="cache">Keeps tokenizers and tokens between processes; null keeps nothing.</param>
public sealed class PretrainingData(Corpus corpus, long validationBytes = 256 << 10, DataCache? cache = null)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, BpeTokenizer> _tokenizers = [];
    private readonly Dictionary<int, TokenizedDocuments> _documents = [];
    private readonly Dictionary<(int, int), ValidationSet> _validation = [];

    /// <summary>The text and its splits.</summary>
    public Corpus Corpus { get; } = corpus ?? throw new ArgumentNullException(nameof(corpus));

    /// <summary>
    /// The tokenizer with that many entries, trained on the training split; it may have fewer when the text is small.
    /// </summary>
    public BpeTokenizer Tokenizer(int vocabularySize, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (!_tokenizers.TryGetValue(vocabularySize, out var tokenizer))
                _tokenizers[vocabularySize] = tokenizer = BpeTokenizer.Train(
                    Corpus.Train, vocabularySize, new BpeTrainingOptions { Cache = cache }, null, cancellationToken);
            return tokenizer;
        }
    }

    /// <summary>The training split, encoded.</summary>
    public TokenizedDocuments Train(int vocabularySize, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (!_documents.TryGetValue(vocabularySize, out var documents))
                _documents[vocabularySize] = documents = TokenizedDocuments.Encode(
                    Corpus.Train, Tokenizer(vocabularySize, cancellationToken), cache, null, cancellationToken);
            return documents;
        }
    }

    /// <summary>The validation bytes in rows of a model's sequence length.</summary>
    public ValidationSet Validation(int vocabularySize, int sequenceLength)
    {
        lock (_lock)
        {
            if (!_validation.TryGetValue((vocabularySize, sequenceLength), out var set))
                _validation[(vocabularySize, sequenceLength)] = set = ValidationSet.Create(
                    Corpus.Validation, Tokenizer(vocabularySize), sequenceLength, validationBytes);
            return set;
        }
    }
}
