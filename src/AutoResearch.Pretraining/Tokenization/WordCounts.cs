namespace AutoResearch.Pretraining;

/// <summary>How often each word of a text occurs: all that training a tokenizer needs to know about the text.</summary>
internal sealed class WordCounts
{
    private readonly WordTable _words = new();
    private long[] _counts = new long[512];

    public int Count => _words.Count;

    public int ByteCount => _words.ByteCount;

    public ReadOnlySpan<byte> Word(int index) => _words[index];

    public long Occurrences(int index) => _counts[index];

    public void AddText(ReadOnlySpan<byte> text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = WordScanner.NextEnd(text, start);
            Add(text[start..end], 1);
            start = end;
        }
    }

    public void Merge(WordCounts other)
    {
        for (var i = 0; i < other.Count; i++) Add(other.Word(i), other._counts[i]);
    }

    /// <summary>Counts the given documents on all processors.</summary>
    public static WordCounts Of(DocumentSet documents, IReadOnlyList<int> sample, CancellationToken cancellationToken)
    {
        var parts = new WordCounts[Math.Clamp(sample.Count / 256, 1, Environment.ProcessorCount)];
        var options = new ParallelOptions { CancellationToken = cancellationToken };
        Parallel.For(0, parts.Length, options, part =>
        {
            var counts = new WordCounts();
            var end = (int)((part + 1L) * sample.Count / parts.Length);
            for (var i = (int)((long)part * sample.Count / parts.Length); i < end; i++)
            {
                if ((i & 255) == 0) cancellationToken.ThrowIfCancellationRequested();
                counts.AddText(documents[sample[i]]);
            }

            parts[part] = counts;
        });
        for (var i = 1; i < parts.Length; i++) parts[0].Merge(parts[i]);
        return parts[0];
    }

    private void Add(ReadOnlySpan<byte> word, long occurrences)
    {
        var index = _words.GetOrAdd(word, out _);
        if (index == _counts.Length) Array.Resize(ref _counts, index * 2);
        _counts[index] += occurrences;
    }
}
