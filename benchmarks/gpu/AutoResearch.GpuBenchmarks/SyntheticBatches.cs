using AutoResearch.Pretraining;

namespace AutoResearch.GpuBenchmarks;

/// <summary>Reproducible tokens with something to learn, so that no file has to be carried to the machine.</summary>
internal sealed class SyntheticBatches(int batchSize, int sequenceLength, int vocabulary) : ITrainingBatches
{
    private ulong _state = 1;

    public int BatchSize => batchSize;

    public int SequenceLength => sequenceLength;

    public int Epoch => 1;

    public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
    {
        for (var row = 0; row < batchSize; row++)
        {
            var token = Random(vocabulary);
            for (var i = 0; i < sequenceLength; i++)
            {
                inputs[(row * sequenceLength) + i] = token;
                token = Random(4) == 0 ? Random(vocabulary) : ((token * 5) + 3) % vocabulary;
                targets[(row * sequenceLength) + i] = token;
            }
        }
    }

    public void Skip(long batches)
    {
        var (inputs, targets) = (new int[batchSize * sequenceLength], new int[batchSize * sequenceLength]);
        for (var i = 0L; i < batches; i++) Next(inputs, targets);
    }

    private int Random(int limit)
    {
        _state = (_state * 6364136223846793005UL) + 1442695040888963407UL;
        return (int)((_state >> 33) % (ulong)limit);
    }
}
