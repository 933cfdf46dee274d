using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// The metric <c>val_bpb</c>: the bits a model needs per byte of a fixed text. It depends neither on the vocabulary nor on
/// the batch size, and every byte is scored once.
/// </summary>
public static class BitsPerByte
{
    /// <summary>Scores a model: the sum of all losses in nats / (ln 2 × bytes).</summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The text, laid out for the model's tokenizer and sequence length.</param>
    /// <param name="batchSize">Rows computed at once; changes speed and memory, not the score. Default 16.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>Bits per byte; NaN when the model's weights are not finite.</returns>
    /// <exception cref="ArgumentException">The text is laid out for another sequence length.</exception>
    public static double Evaluate(
        GptModel model, ValidationSet text, int batchSize = 16, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        if (text.SequenceLength != model.Config.SequenceLength)
            throw new ArgumentException(
                $"The text is laid out in rows of {text.SequenceLength}, but the model's sequence length is "
                + $"{model.Config.SequenceLength}.",
                nameof(text));
        using var tape = new Tape(model.Backend);

        // A GPU goes on with the next batch while this one computes: its losses stay there until the end.
        using var all = model.Backend.IsAsynchronous ? model.Backend.Allocate(text.Rows * text.SequenceLength) : null;
        var losses = new float[(all is null ? batchSize : text.Rows) * text.SequenceLength];
        var nats = 0.0;
        for (var row = 0; row < text.Rows; row += batchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rows = Math.Min(batchSize, text.Rows - row);
            var (start, count) = (row * text.SequenceLength, rows * text.SequenceLength);
            tape.Reset(record: false);
            var tokens = tape.Input(text.Inputs.Slice(start, count), count);
            var targets = tape.Input(text.Targets.Slice(start, count), count);
            var documents = model.Config.MaskDocuments ? tape.Input(text.DocumentStarts.Slice(start, count), count) : null;
            var scored = model.Losses(tape, tokens, targets, rows, documents);
            if (all is null) nats = Sum(scored, losses.AsSpan(0, count), nats);
            else model.Backend.Add(scored, all.Slice(start, count));
        }

        if (all is not null) nats = Sum(all, losses, 0);
        return nats / (Math.Log(2) * text.TotalBytes);
    }

    private static double Sum(Tensor losses, Span<float> values, double nats)
    {
        losses.CopyTo(values);
        foreach (var value in values) nats += value;
        return nats;
    }
}
