namespace AutoResearch.Pretraining;

/// <summary>
/// Endless training batches without padding. A row holds <c>T + 1</c> tokens and begins with BOS, as every document in it;
/// it is filled with the longest waiting document that fits, and when none fits, a document is cropped to fill it: one that
/// is longer than a row if there is one, else the shortest. That is autoresearch's best-fit packing, with one difference that
/// can be switched off: the rest of a cropped document waits as a document of its own, so that no text is lost.
/// Deterministic by seed; the steady state allocates nothing. Not thread-safe.
/// </summary>
public sealed class PackedBatches : ITrainingBatches
{
    private readonly TokenizedDocuments _documents;
    private readonly bool _keepRemainders;
    private readonly int _capacity;
    private readonly int[] _order;
    private readonly WaitingDocuments _waiting;
    private readonly int[] _row;
    private readonly int[] _rowStarts;
    private int _drawn;

    /// <summary>Starts at the first epoch.</summary>
    /// <param name="documents">The training split.</param>
    /// <param name="batchSize">Rows in a batch.</param>
    /// <param name="sequenceLength">T: inputs of a row.</param>
    /// <param name="seed">Decides the order of the documents; each epoch has its own.</param>
    /// <param name="bufferSize">Documents to choose from.</param>
    /// <param name="keepRemainders">False drops what cropping cuts off, as autoresearch does.</param>
    /// <exception cref="CorpusException">The documents hold less than one batch.</exception>
    public PackedBatches(
        TokenizedDocuments documents, int batchSize, int sequenceLength, ulong seed, int bufferSize = 1000,
        bool keepRemainders = true)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sequenceLength);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferSize);
        var (have, need) = (documents.TokenCount + documents.Count, (long)batchSize * (sequenceLength + 1L));
        if (have < need)
        {
            throw new CorpusException(
                $"The training text has {have:N0} tokens in {documents.Count:N0} documents, but one batch of "
                + $"{batchSize} rows of {sequenceLength} needs {need:N0}. Add text, or lower batch size or sequence length.");
        }

        (_documents, _keepRemainders, _capacity) = (documents, keepRemainders, sequenceLength + 1);
        (BatchSize, SequenceLength, Seed) = (batchSize, sequenceLength, seed);
        _waiting = new(Math.Min(bufferSize, documents.Count), _capacity);
        _order = new int[documents.Count];
        _row = new int[_capacity];
        _rowStarts = new int[_capacity];
        BeginEpoch(1);
    }

    /// <summary>Rows in a batch.</summary>
    public int BatchSize { get; }

    /// <summary>T: inputs of a row.</summary>
    public int SequenceLength { get; }

    /// <summary>Seed of the document order.</summary>
    public ulong Seed { get; }

    /// <summary>The epoch of the document drawn last, from 1.</summary>
    public int Epoch { get; private set; }

    /// <summary>
    /// The next batch. <paramref name="inputs"/> and <paramref name="targets"/> are [batch, T] in row-major order; a target is
    /// the token after its input.
    /// </summary>
    /// <param name="inputs">Filled with token ids.</param>
    /// <param name="targets">Filled with token ids.</param>
    /// <param name="documentStarts">Empty, or [batch, T]: filled with the position in the row at which the input's
    /// document begins.</param>
    /// <exception cref="ArgumentException">A span has the wrong length.</exception>
    public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
    {
        var size = BatchSize * SequenceLength;
        if (inputs.Length != size || targets.Length != size || (documentStarts.Length != 0 && documentStarts.Length != size))
            throw new ArgumentException($"A batch of {BatchSize} rows of {SequenceLength} fills spans of exactly {size} ids.");
        for (var row = 0; row < BatchSize; row++)
        {
            FillRow();
            var at = row * SequenceLength;
            _row.AsSpan(0, SequenceLength).CopyTo(inputs[at..]);
            _row.AsSpan(1).CopyTo(targets[at..]);
            if (!documentStarts.IsEmpty) _rowStarts.AsSpan(0, SequenceLength).CopyTo(documentStarts[at..]);
        }
    }

    /// <summary>Leaves out batches, e.g. those that were trained on before a checkpoint.</summary>
    public void Skip(long batches)
    {
        for (var row = 0L; row < batches * BatchSize; row++) FillRow();
    }

    /// <summary>Where the batches stand now.</summary>
    public PackedBatchesState Save() => new()
    {
        ContentHash = _documents.ContentHash,
        Seed = Seed,
        SequenceLength = SequenceLength,
        Epoch = Epoch,
        Drawn = _drawn,
        Waiting = _waiting.Save(),
    };

    /// <summary>Goes on where <see cref="Save"/> was called.</summary>
    /// <exception cref="ArgumentException">The state belongs to other text, another tokenizer, seed, buffer or
    /// sequence length.</exception>
    public void Restore(PackedBatchesState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.ContentHash != _documents.ContentHash || state.Seed != Seed || state.SequenceLength != SequenceLength)
        {
            throw new ArgumentException(
                $"The state belongs to tokens {state.ContentHash} with seed {state.Seed} and sequence length "
                + $"{state.SequenceLength}; these are {_documents.ContentHash}, {Seed} and {SequenceLength}.",
                nameof(state));
        }

        if (state.Epoch < 1 || (uint)state.Drawn > (uint)_order.Length || state.Waiting.Length % 2 != 0
            || state.Waiting.Length / 2 > _waiting.Size)
            throw new ArgumentException("The state is damaged, or was saved with a larger buffer.", nameof(state));
        _waiting.Clear();
        for (var i = 0; i < state.Waiting.Length; i += 2)
        {
            var (document, used) = (state.Waiting[i], state.Waiting[i + 1]);
            if ((uint)document >= (uint)_documents.Count || (uint)used > (uint)_documents.LengthOf(document))
                throw new ArgumentException($"The state is damaged: document {document} from token {used}.", nameof(state));
            _waiting.Add(document, used, 1 + _documents.LengthOf(document) - used);
        }

        BeginEpoch(state.Epoch);
        _drawn = state.Drawn;
    }

    private void FillRow()
    {
        for (var position = 0; position < _capacity;)
        {
            while (!_waiting.IsFull) Draw();
            var room = _capacity - position;
            var (document, used, length) = _waiting.Take(room, preferLong: _keepRemainders);
            var copied = Math.Min(length, room);
            _row[position] = _documents.Tokenizer.BosToken;
            var tokens = _documents[document].Slice(used, copied - 1);
            for (var i = 0; i < tokens.Length; i++) _row[position + 1 + i] = tokens[i];
            _rowStarts.AsSpan(position, copied).Fill(position);
            position += copied;

            // A BOS alone at the end of a row is no progress in the document, but it is no loss either: all of it waits on.
            if (_keepRemainders && copied < length) _waiting.Add(document, used + copied - 1, length - copied + 1);
        }
    }

    private void Draw()
    {
        if (_drawn == _order.Length) BeginEpoch(Epoch + 1);
        var document = _order[_drawn++];
        _waiting.Add(document, 0, 1 + _documents.LengthOf(document));
    }

    // Fisher–Yates; the order depends on seed and epoch alone.
    private void BeginEpoch(int epoch)
    {
        (Epoch, _drawn) = (epoch, 0);
        for (var i = 0; i < _order.Length; i++) _order[i] = i;
        var random = new SplitMix64(Seed + (ulong)epoch * 0xD1342543DE82EF95UL);
        for (var i = _order.Length - 1; i > 0; i--)
        {
            var j = random.Below(i + 1);
            (_order[i], _order[j]) = (_order[j], _order[i]);
        }
    }
}
