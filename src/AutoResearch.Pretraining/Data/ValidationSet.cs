using System.Security.Cryptography;

namespace AutoResearch.Pretraining;

/// <summary>
/// The fixed text a model is scored on, laid out in rows for one tokenizer and sequence length. Which documents are chosen
/// depends on the text and the byte limit alone, and every byte of them is the target of exactly one position, whatever the
/// tokenizer, the sequence length or the batch size. Immutable and thread-safe.
/// </summary>
/// <remarks>
/// A document is BOS and its tokens. One longer than a row continues in the next: the input of each piece begins with the
/// last target of the piece before, at the beginning of a row. Positions that are not used have the target −1.
/// Bits per byte is the sum of the losses at all other positions in nats, divided by ln 2 and <see cref="TotalBytes"/>.
/// </remarks>
public sealed class ValidationSet
{
    /// <summary>The target of positions that are not scored.</summary>
    public const int NoTarget = -1;

    private readonly int[] _inputs;
    private readonly int[] _targets;
    private readonly int[] _documentStarts;

    private ValidationSet(int sequenceLength, int rows, IReadOnlyList<int> chosen, long totalBytes, string contentHash, int bos)
    {
        (SequenceLength, Rows, Chosen, TotalBytes, ContentHash) = (sequenceLength, rows, chosen, totalBytes, contentHash);
        var size = checked(rows * sequenceLength);
        (_inputs, _targets, _documentStarts) = (new int[size], new int[size], new int[size]);
        Array.Fill(_inputs, bos);
        Array.Fill(_targets, NoTarget);
    }

    /// <summary>T: positions of a row.</summary>
    public int SequenceLength { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Documents chosen.</summary>
    public int Documents => Chosen.Count;

    /// <summary>Numbers of the chosen documents in their split.</summary>
    internal IReadOnlyList<int> Chosen { get; }

    /// <summary>Bytes that are scored: those of the chosen documents.</summary>
    public long TotalBytes { get; }

    /// <summary>SHA-256 of the chosen documents (lower-case hex). Scores are comparable exactly when it is the same.</summary>
    public string ContentHash { get; }

    /// <summary>Inputs, [rows, T].</summary>
    public ReadOnlySpan<int> Inputs => _inputs;

    /// <summary>Targets, [rows, T]; −1 where nothing is scored.</summary>
    public ReadOnlySpan<int> Targets => _targets;

    /// <summary>
    /// The position in the row at which the document of each input begins, [rows, T]. Positions that are not used count as part
    /// of the document ahead of them.
    /// </summary>
    public ReadOnlySpan<int> DocumentStarts => _documentStarts;

    /// <summary>Chooses documents in the order of their hashes until the next would pass the limit, and lays them out.</summary>
    /// <param name="documents">The validation split, or the audit split for its twin.</param>
    /// <param name="tokenizer">The vocabulary of the model.</param>
    /// <param name="sequenceLength">T of the model.</param>
    /// <param name="maximumBytes">The limit; default 256 KiB. Changing it makes scores incomparable.</param>
    /// <exception cref="CorpusException">The split is empty, or each document is larger than the limit.</exception>
    public static ValidationSet Create(
        DocumentSet documents, BpeTokenizer tokenizer, int sequenceLength, long maximumBytes = 256 << 10)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sequenceLength);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumBytes);
        var chosen = Choose(documents, maximumBytes);
        var sequences = chosen.ConvertAll(i => (int[])[tokenizer.BosToken, .. tokenizer.Encode(documents[i])]);
        var (rows, pieces) = LayOut(sequences, sequenceLength);
        var set = new ValidationSet(sequenceLength, rows, chosen, chosen.Sum(i => (long)documents.LengthOf(i)),
            Hash(documents, chosen), tokenizer.BosToken);
        foreach (var piece in pieces) set.Place(sequences[piece.Sequence], piece);
        set.EndRows();
        return set;
    }

    private readonly record struct Piece(int Sequence, int Start, int Length, int Row, int Column);

    private void Place(int[] sequence, Piece piece)
    {
        var at = piece.Row * SequenceLength + piece.Column;
        sequence.AsSpan(piece.Start, piece.Length).CopyTo(_inputs.AsSpan(at));
        sequence.AsSpan(piece.Start + 1, piece.Length).CopyTo(_targets.AsSpan(at));
        _documentStarts.AsSpan(at, piece.Length).Fill(piece.Column);
    }

    private void EndRows()
    {
        for (var i = 0; i < _documentStarts.Length; i++)
            if (i % SequenceLength > 0) _documentStarts[i] = Math.Max(_documentStarts[i], _documentStarts[i - 1]);
    }

    // Documents that pass the limit are skipped while less than half of it is used, so that one large document at the
    // beginning does not end the choice; later the first such document does, so that short ones are not favoured.
    private static List<int> Choose(DocumentSet documents, long maximumBytes)
    {
        var order = Enumerable.Range(0, documents.Count).OrderBy(i => CorpusBuilder.Fingerprint(documents[i])).ThenBy(i => i);
        var chosen = new List<int>();
        var bytes = 0L;
        foreach (var i in order)
        {
            var length = documents.LengthOf(i);
            if (bytes + length <= maximumBytes)
            {
                bytes += length;
                chosen.Add(i);
            }
            else if (bytes * 2 >= maximumBytes)
            {
                break;
            }
        }

        if (bytes > 0) return chosen;
        throw new CorpusException(documents.ByteCount == 0
            ? "There is no validation text: the split is empty. Add text (more files or groups), or raise the split's fraction."
            : $"No validation document fits the limit of {maximumBytes:N0} bytes; raise the limit.");
    }

    // Pieces that begin in the middle of a document open a row; beginnings fill what is left, longest first.
    private static (int Rows, List<Piece> Pieces) LayOut(List<int[]> sequences, int length)
    {
        var pieces = new List<Piece>();
        var room = new List<int>();
        var beginnings = new List<(int Sequence, int Length)>();
        for (var i = 0; i < sequences.Count; i++)
        {
            var targets = sequences[i].Length - 1;
            if (targets == 0) continue;
            beginnings.Add((i, Math.Min(targets, length)));
            for (var start = length; start < targets; start += length)
            {
                var used = Math.Min(length, targets - start);
                pieces.Add(new(i, start, used, room.Count, 0));
                room.Add(length - used);
            }
        }

        var open = new PriorityQueue<int, (int, int)>();
        for (var row = 0; row < room.Count; row++) open.Enqueue(row, (-room[row], row));
        foreach (var (sequence, used) in beginnings.OrderByDescending(b => b.Length).ThenBy(b => b.Sequence))
        {
            // The row with the most room: if it does not fit there, it fits nowhere.
            if (!open.TryPeek(out var row, out _) || room[row] < used)
            {
                row = room.Count;
                room.Add(length);
            }
            else
            {
                open.Dequeue();
            }

            pieces.Add(new(sequence, 0, used, row, length - room[row]));
            room[row] -= used;
            open.Enqueue(row, (-room[row], row));
        }

        return (room.Count, pieces);
    }

    private static string Hash(DocumentSet documents, List<int> chosen)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var i in chosen)
        {
            hash.AppendData(Integers.ToBytes([documents.LengthOf(i)]));
            hash.AppendData(documents[i]);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
