namespace AutoResearch.Pretraining;

/// <summary>A batch of training text from the scoring host. The same object is filled again for the next one.</summary>
public sealed class TrainingBatch
{
    private readonly int[] _inputs;
    private readonly int[] _targets;

    internal TrainingBatch(int rows, int length)
    {
        (Rows, Length) = (rows, length);
        (_inputs, _targets) = (new int[rows * length], new int[rows * length]);
    }

    /// <summary>Rows in the batch.</summary>
    public int Rows { get; }

    /// <summary>Tokens in a row.</summary>
    public int Length { get; }

    /// <summary>Token ids, [rows × length].</summary>
    public ReadOnlySpan<int> Inputs => _inputs;

    /// <summary>The token after each input.</summary>
    public ReadOnlySpan<int> Targets => _targets;

    /// <summary>Batches before this one.</summary>
    public long Step { get; private set; }

    /// <summary>
    /// Share of the budget that was used when the batch was sent, 0 … 1, by the host's clock. Schedules follow it.
    /// </summary>
    public double Progress { get; private set; }

    /// <summary>Training time that was used when the batch was sent.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>The pass over the text, from 1.</summary>
    public int Epoch { get; private set; }

    /// <summary>Set it to the loss of this batch in nats, for the log. It has no effect on the score.</summary>
    public double Loss { get; set; } = double.NaN;

    internal void Fill(ReadOnlySpan<byte> content)
    {
        var frame = new FrameReader(content);
        (Progress, Elapsed, Step, Epoch, Loss) =
            (frame.Double(), TimeSpan.FromSeconds(frame.Double()), frame.Int64(), frame.Int32(), double.NaN);
        if (frame.Int32() != Rows || frame.Int32() != Length)
            throw new FrameException("a batch has another shape than was asked for");
        frame.Int32s(_inputs);
        frame.Int32s(_targets);
    }
}
