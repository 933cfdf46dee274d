namespace AutoResearch.Pretraining.Tests;

/// <summary>
/// Reproducible tokens with a pattern to learn; batch n depends on n alone. Row r holds documents of 5 + r tokens.
/// </summary>
internal sealed class RandomBatches(int batchSize, int sequenceLength, int vocabulary, bool same = false) : ITrainingBatches
{
    private long _next;

    public int BatchSize => batchSize;

    public int SequenceLength => sequenceLength;

    public int Epoch => 1;

    public Action? OnNext { get; set; }

    public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
    {
        OnNext?.Invoke();
        var random = new Random((int)(same ? 0 : _next));
        _next++;
        for (var row = 0; row < batchSize; row++)
        {
            var token = random.Next(vocabulary);
            for (var i = 0; i < sequenceLength; i++)
            {
                inputs[row * sequenceLength + i] = token;
                token = random.Next(4) == 0 ? random.Next(vocabulary) : (token * 5 + 3) % vocabulary;
                targets[row * sequenceLength + i] = token;
                if (!documentStarts.IsEmpty) documentStarts[row * sequenceLength + i] = i - (i % (5 + row));
            }
        }
    }

    public void Skip(long batches) => _next += batches;
}
