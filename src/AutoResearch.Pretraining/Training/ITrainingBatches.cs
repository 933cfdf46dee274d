namespace AutoResearch.Pretraining;

/// <summary>An endless, reproducible source of training batches.</summary>
public interface ITrainingBatches
{
    /// <summary>Rows in a batch.</summary>
    int BatchSize { get; }

    /// <summary>Inputs of a row.</summary>
    int SequenceLength { get; }

    /// <summary>The pass over the text, from 1.</summary>
    int Epoch { get; }

    /// <summary>The next batch, [batch, sequence] in row-major order; a target is the token after its input.</summary>
    /// <param name="inputs">Filled with token ids.</param>
    /// <param name="targets">Filled with token ids.</param>
    /// <param name="documentStarts">Empty, or filled with the position in the row at which the input's document begins.</param>
    void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default);

    /// <summary>Leaves out batches, e.g. those that were trained on before a checkpoint.</summary>
    void Skip(long batches);
}
