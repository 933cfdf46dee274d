namespace AutoResearch.Pretraining;

/// <summary>Running text that twins continue with: natural, so that a twin does not show.</summary>
internal sealed class SuffixPool
{
    private readonly int[] _tokens;
    private readonly Dictionary<int, int> _counts = [];
    private readonly int _starts;

    private SuffixPool(int[] tokens, int length)
    {
        _tokens = tokens;
        _starts = tokens.Length - length;
        for (var i = 0; i < _starts; i++) _counts[tokens[i]] = _counts.GetValueOrDefault(tokens[i]) + 1;
    }

    /// <summary>
    /// The pool of a split: documents that are not scored, so that a continuation is not the text of another row; all
    /// when those are too few.
    /// </summary>
    public static SuffixPool Create(DocumentSet documents, ValidationSet scored, BpeTokenizer tokenizer, int length)
    {
        var chosen = scored.Chosen.ToHashSet();
        var unused = Enumerable.Range(0, documents.Count).Where(i => !chosen.Contains(i)).ToList();
        if (unused.Sum(i => (long)documents.LengthOf(i)) < 16 << 10) unused = [.. Enumerable.Range(0, documents.Count)];
        var tokens = new List<int>();
        foreach (var i in unused)
        {
            tokens.Add(tokenizer.BosToken);
            tokens.AddRange(tokenizer.Encode(documents[i]));
            if (tokens.Count > 1 << 18) break;
        }

        // A small text goes round.
        for (var i = 0; tokens.Count < 2 * length; i++) tokens.Add(tokens[i]);
        return new([.. tokens], length);
    }

    /// <summary>Somewhere, each place as likely as any other.</summary>
    public int Draw(Func<int, int> below) => below(_starts);

    /// <summary>The probability that a draw begins with the token it begins with.</summary>
    public double FirstProbability(int start) => (double)_counts[_tokens[start]] / _starts;

    public ReadOnlySpan<int> From(int start, int length) => _tokens.AsSpan(start, length);
}
