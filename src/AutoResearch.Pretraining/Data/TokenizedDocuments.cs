using System.Runtime.InteropServices;

namespace AutoResearch.Pretraining;

/// <summary>The tokens of documents, two bytes each, without BOS. Immutable and thread-safe.</summary>
public sealed class TokenizedDocuments
{
    private readonly ReadOnlyMemory<byte> _tokens;
    private readonly int[] _ends;

    private TokenizedDocuments(ReadOnlyMemory<byte> tokens, int[] ends, BpeTokenizer tokenizer, string contentHash)
    {
        _tokens = tokens;
        _ends = ends;
        Tokenizer = tokenizer;
        ContentHash = contentHash;
    }

    /// <summary>The tokenizer the ids belong to.</summary>
    public BpeTokenizer Tokenizer { get; }

    /// <summary>Number of documents.</summary>
    public int Count => _ends.Length;

    /// <summary>Tokens of all documents together, BOS not counted.</summary>
    public long TokenCount => _ends.Length == 0 ? 0 : _ends[^1];

    /// <summary>Names text and tokenizer: the hash of both their content hashes.</summary>
    public string ContentHash { get; }

    /// <summary>The tokens of a document.</summary>
    public ReadOnlySpan<ushort> this[int index]
    {
        get
        {
            var start = index == 0 ? 0 : _ends[index - 1];
            return MemoryMarshal.Cast<byte, ushort>(_tokens.Span)[start.._ends[index]];
        }
    }

    /// <summary>Length of a document in tokens.</summary>
    public int LengthOf(int index) => _ends[index] - (index == 0 ? 0 : _ends[index - 1]);

    /// <summary>Encodes documents on all processors, or loads their tokens from the cache.</summary>
    /// <param name="documents">The text.</param>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="cache">Where tokens are kept between processes; null to encode always.</param>
    /// <param name="progress">Told the share done.</param>
    /// <param name="cancellationToken">Stops the encoding.</param>
    public static TokenizedDocuments Encode(
        DocumentSet documents,
        BpeTokenizer tokenizer,
        DataCache? cache = null,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var name = DataCache.NameFor("tokens", $"{documents.ContentHash}|{tokenizer.ContentHash}", ".bin");
        var hash = Path.GetFileNameWithoutExtension(name)["tokens-".Length..];
        var endBytes = documents.Count * sizeof(int);
        if (cache?.TryReadChecked(name) is { } content && content.Length >= endBytes)
            return new(content[endBytes..], Integers.FromBytes(content.Span[..endBytes]), tokenizer, hash);

        var (tokens, ends) = EncodeAll(documents, tokenizer, progress, cancellationToken);
        cache?.TryWriteChecked(name, Integers.ToBytes(ends), tokens);
        return new(tokens, ends, tokenizer, hash);
    }

    private static (byte[] Tokens, int[] Ends) EncodeAll(
        DocumentSet documents, BpeTokenizer tokenizer, IProgress<DataProgress>? progress, CancellationToken cancellationToken)
    {
        var ends = new int[documents.Count];
        var parts = new TokenBuffer[(int)Math.Clamp(documents.ByteCount >> 20, 1, Math.Max(1, documents.Count))];
        var done = 0;
        int First(int part) => (int)((long)part * documents.Count / parts.Length);
        Parallel.For(0, parts.Length, new ParallelOptions { CancellationToken = cancellationToken }, part =>
        {
            var encoder = tokenizer.RentEncoder();
            var buffer = new TokenBuffer(1 << 18);
            for (var i = First(part); i < First(part + 1); i++)
            {
                encoder.Encode(documents[i], ref buffer);
                ends[i] = buffer.Count;
            }

            tokenizer.Return(encoder);
            parts[part] = buffer;
            progress?.Report(new("Encoding documents", Interlocked.Increment(ref done) / (double)parts.Length));
        });

        var total = parts.Sum(p => (long)p.Count);
        if (total * sizeof(ushort) > Array.MaxLength)
            throw new CorpusException(
                $"{total:N0} tokens do not fit into memory as one block. Lower CorpusOptions.MaximumBytes.");
        var tokens = new byte[total * sizeof(ushort)];
        for (int part = 0, start = 0; part < parts.Length; start += parts[part++].Count)
        {
            MemoryMarshal.AsBytes(parts[part].Tokens).CopyTo(tokens.AsSpan(start * sizeof(ushort)));
            for (var i = First(part); i < First(part + 1); i++) ends[i] += start;
        }

        return (tokens, ends);
    }
}
