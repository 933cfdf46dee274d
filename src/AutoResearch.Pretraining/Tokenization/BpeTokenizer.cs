using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>
/// Byte-level BPE: ids 0–255 are the bytes, then the merges in the order learnt, and the last id is BOS, which marks the
/// beginning of a document and stands for no text. Any bytes can be encoded and come back exactly. Thread-safe.
/// </summary>
public sealed class BpeTokenizer
{
    /// <summary>
    /// The smallest vocabulary that can be asked for: the 256 bytes. BOS is then added, so that there are 257 ids.
    /// </summary>
    public const int MinimumVocabularySize = 256;

    // Bytes and BOS, before the first merge.
    private const int Unmerged = 257;

    /// <summary>The largest vocabulary: ids are stored in 16 bits.</summary>
    public const int MaximumVocabularySize = 65_536;

    // A crafted file could double a token with every merge.
    private const long MaximumTotalBytes = 256L << 20;

    private readonly int[] _merges;
    private readonly byte[][] _tokens;
    private readonly int[] _tokenBytes;
    private readonly Dictionary<uint, int> _ranks;
    private BpeEncoder? _spareEncoder;

    internal BpeTokenizer(int[] merges, string name)
    {
        if (merges.Length % 2 != 0 || merges.Length / 2 + Unmerged > MaximumVocabularySize)
            throw new InvalidDataException($"'{name}' is damaged: {merges.Length} numbers are no list of merges.");
        _merges = merges;
        var count = merges.Length / 2;
        _tokens = new byte[Unmerged + count][];
        _tokenBytes = new int[_tokens.Length];
        _ranks = new(count);
        for (var i = 0; i < 256; i++) _tokens[i] = [(byte)i];
        var total = 0L;
        for (var i = 0; i < count; i++)
        {
            var (left, right) = (merges[2 * i], merges[2 * i + 1]);
            if ((uint)left >= 256 + i || (uint)right >= 256 + i || !_ranks.TryAdd(((uint)left << 16) | (uint)right, 256 + i))
                throw new InvalidDataException($"'{name}' is damaged: merge {i} joins {left} and {right}.");
            total += _tokens[left].Length + _tokens[right].Length;
            if (total > MaximumTotalBytes) throw new InvalidDataException($"'{name}' is damaged: its tokens grow without end.");
            _tokens[256 + i] = [.. _tokens[left], .. _tokens[right]];
        }

        _tokens[BosToken] = [];
        for (var i = 0; i < _tokens.Length; i++) _tokenBytes[i] = _tokens[i].Length;
        ContentHash = TokenizerFile.Hash(WordScanner.PatternVersion, merges);
    }

    /// <summary>Number of ids, BOS included. It is the model's vocabulary size.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>The id that begins every document; it is the last one.</summary>
    public int BosToken => _tokens.Length - 1;

    /// <summary>
    /// How many bytes of text each id stands for, indexed by id: 0 for BOS. The denominator of bits per byte. It counts the
    /// bytes themselves, so that a token that is a part of a character counts its own bytes and no replacement character.
    /// </summary>
    public ReadOnlySpan<int> TokenBytes => _tokenBytes;

    /// <summary>SHA-256 of split pattern and merges (lower-case hex): equal for tokenizers that encode alike.</summary>
    public string ContentHash { get; }

    /// <summary>
    /// Learns a vocabulary from documents, or loads it from the cache. The result depends only on the text and the arguments.
    /// </summary>
    /// <param name="documents">The text; use the training split only.</param>
    /// <param name="vocabularySize">Ids wanted, BOS included. Text with too few repeated pairs yields fewer, which
    /// <see cref="VocabularySize"/> tells; 256 yields 257, the bytes and BOS.</param>
    /// <param name="options">Limits and cache.</param>
    /// <param name="progress">Told the share done.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary size is outside 256–65,536.</exception>
    /// <exception cref="CorpusException">There is no text.</exception>
    public static BpeTokenizer Train(
        DocumentSet documents,
        int vocabularySize,
        BpeTrainingOptions? options = null,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        if (vocabularySize is < MinimumVocabularySize or > MaximumVocabularySize)
        {
            throw new ArgumentOutOfRangeException(nameof(vocabularySize), vocabularySize,
                $"A byte-level vocabulary has {MinimumVocabularySize} (the bytes; "
                + $"BOS comes on top) to {MaximumVocabularySize} entries.");
        }

        if (documents.ByteCount == 0) throw new CorpusException("There is no text to train a tokenizer on: the split is empty.");
        options ??= new();
        if (options.MaximumBytes <= 0)
            throw new ArgumentOutOfRangeException(nameof(options), options.MaximumBytes, "MaximumBytes must be positive.");

        var key = string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"tokenizer|{documents.ContentHash}|{vocabularySize}|{options.MaximumBytes}|{WordScanner.PatternVersion}");
        var name = DataCache.NameFor("tokenizer", key, ".json");
        if (options.Cache?.TryRead(name) is { } cached && TryParse(cached, name) is { } known) return known;

        progress?.Report(new("Counting words", 0));
        var words = WordCounts.Of(documents, documents.Sample(options.MaximumBytes), cancellationToken);
        var learnt = new BpeTrainer(words).Learn(Math.Max(0, vocabularySize - Unmerged), progress, cancellationToken);
        var merges = new int[2 * learnt.Count];
        for (var i = 0; i < learnt.Count; i++) (merges[2 * i], merges[2 * i + 1]) = learnt[i];
        options.Cache?.TryWrite(name, TokenizerFile.Serialize(merges));
        progress?.Report(new("Training the tokenizer", 1));
        return new(merges, name);
    }

    /// <summary>The tokens of UTF-8 text (or of any bytes), without BOS.</summary>
    public int[] Encode(ReadOnlySpan<byte> text)
    {
        var buffer = new TokenBuffer(text.Length / 2);
        Encode(text, ref buffer);
        var tokens = new int[buffer.Count];
        for (var i = 0; i < tokens.Length; i++) tokens[i] = buffer.Tokens[i];
        return tokens;
    }

    /// <summary>
    /// The tokens of a string, without BOS. Half a surrogate pair is encoded as U+FFFD, as UTF-8 cannot hold it.
    /// </summary>
    public int[] Encode(string text) => Encode(Encoding.UTF8.GetBytes(text));

    /// <summary>The bytes that ids stand for; BOS stands for none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public byte[] Decode(ReadOnlySpan<int> tokens)
    {
        var length = 0;
        foreach (var token in tokens) length += Token(token).Length;
        var text = new byte[length];
        var position = 0;
        foreach (var token in tokens)
        {
            _tokens[token].CopyTo(text, position);
            position += _tokens[token].Length;
        }

        return text;
    }

    /// <summary>The text that ids stand for; bytes that are no valid UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public string DecodeText(ReadOnlySpan<int> tokens) => Encoding.UTF8.GetString(Decode(tokens));

    /// <summary>The bytes one id stands for; none for BOS.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public ReadOnlySpan<byte> Token(int token) => (uint)token < (uint)_tokens.Length
        ? _tokens[token]
        : throw new ArgumentOutOfRangeException(nameof(token), token, $"The vocabulary has the ids 0 to {VocabularySize - 1}.");

    /// <summary>Writes the tokenizer as JSON (format in docs/data.md); an existing file is replaced in one step.</summary>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        AtomicFile.Write(path, TokenizerFile.Serialize(_merges));
    }

    /// <summary>Reads a file written by <see cref="Save"/>.</summary>
    /// <exception cref="InvalidDataException">The file is of another kind or version, or damaged.</exception>
    public static BpeTokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(TokenizerFile.Deserialize(File.ReadAllBytes(path), path), path);
    }

    internal void Encode(ReadOnlySpan<byte> text, ref TokenBuffer output)
    {
        var encoder = RentEncoder();
        encoder.Encode(text, ref output);
        Return(encoder);
    }

    // One encoder with its word cache waits here; concurrent callers make their own.
    internal BpeEncoder RentEncoder() => Interlocked.Exchange(ref _spareEncoder, null) ?? new(_ranks);

    internal void Return(BpeEncoder encoder) => _spareEncoder = encoder;

    private static BpeTokenizer? TryParse(byte[] json, string name)
    {
        try
        {
            return new(TokenizerFile.Deserialize(json, name), name);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
