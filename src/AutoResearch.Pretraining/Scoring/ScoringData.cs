namespace AutoResearch.Pretraining;

/// <summary>What a host gives out and asks about, prepared once.</summary>
internal sealed record ScoringData(
    TokenizedDocuments Train, IReadOnlyList<ValidationSet> Sets, SuffixPool Pool, IReadOnlyDictionary<string, string> Hashes)
{
    public BpeTokenizer Tokenizer => Train.Tokenizer;

    public static ScoringData Create(PretrainingData data, ScoringOptions options)
    {
        var train = data.Train(options.VocabularySize);
        var validation = data.Validation(options.VocabularySize, options.SequenceLength);
        var sets = new List<ValidationSet> { validation };
        if (options.AuditBytes > 0)
            sets.Add(ValidationSet.Create(data.Corpus.Audit, train.Tokenizer, options.SequenceLength, options.AuditBytes));
        return new(train, sets, SuffixPool.Create(data.Corpus.Validation, validation, train.Tokenizer, options.SequenceLength),
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["data"] = data.Corpus.Train.ContentHash,
                ["tokenizer"] = train.Tokenizer.ContentHash,
                ["evaluator"] = validation.ContentHash,
            });
    }
}
