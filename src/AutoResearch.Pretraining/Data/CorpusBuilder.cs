using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>Removes duplicates and divides documents between the splits, in the order they are added.</summary>
internal sealed class CorpusBuilder
{
    private readonly Dictionary<string, CorpusSplit> _splitOfGroup = new(StringComparer.Ordinal);
    private readonly Func<string, CorpusSplit> _assign;
    private readonly HashSet<UInt128> _seen = [];
    private readonly DocumentSetBuilder[] _splits = [new(), new(), new()];
    private readonly HashSet<string>[] _groups =
        [new(StringComparer.Ordinal), new(StringComparer.Ordinal), new(StringComparer.Ordinal)];
    private long _found, _foundBytes, _duplicates, _duplicateBytes;

    public CorpusBuilder(CorpusOptions options)
        : this(group => SplitOf(group, options))
    {
    }

    /// <param name="assign">Decides the split of each group, once per group.</param>
    public CorpusBuilder(Func<string, CorpusSplit> assign) => _assign = assign;

    /// <summary>Adds a document; an exact copy of an earlier one, in whatever group, is counted and left out.</summary>
    public void Add(string group, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return;
        _found++;
        _foundBytes += text.Length;
        if (!_seen.Add(Fingerprint(text)))
        {
            _duplicates++;
            _duplicateBytes += text.Length;
            return;
        }

        if (!_splitOfGroup.TryGetValue(group, out var split)) _splitOfGroup[group] = split = _assign(group);
        _splits[(int)split].Add(text);
        _groups[(int)split].Add(group);
    }

    /// <summary>Counts copies that need not be looked at again.</summary>
    public void AddCopies(long documents, long bytes)
    {
        _found += documents;
        _foundBytes += bytes;
        _duplicates += documents;
        _duplicateBytes += bytes;
    }

    /// <param name="about">The report so far: source, files and problems.</param>
    public Corpus Build(CorpusReport about)
    {
        var (train, validation, audit) = (_splits[0].Build(), _splits[1].Build(), _splits[2].Build());
        var known = new HashSet<UInt128>(train.Count);
        for (var i = 0; i < train.Count; i++) known.Add(NormalizedText.Fingerprint(train[i]));
        return new(train, validation, audit, about with
        {
            DocumentsFound = _found,
            BytesFound = _foundBytes,
            DuplicatesRemoved = _duplicates,
            DuplicateBytesRemoved = _duplicateBytes,
            Train = Describe(train, CorpusSplit.Train, null),
            Validation = Describe(validation, CorpusSplit.Validation, known),
            Audit = Describe(audit, CorpusSplit.Audit, known),
        });
    }

    /// <summary>The split of a group: decided by its name alone, so that it stays when other groups come or go.</summary>
    public static CorpusSplit SplitOf(string group, CorpusOptions options)
    {
        var place = Place(group);
        if (place < options.AuditFraction) return CorpusSplit.Audit;
        return place < options.AuditFraction + options.ValidationFraction ? CorpusSplit.Validation : CorpusSplit.Train;
    }

    /// <summary>A number in [0, 1) drawn by the hash of a name.</summary>
    public static double Place(string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(name), hash);
        return (BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) * (1.0 / (1UL << 53));
    }

    public static UInt128 Fingerprint(ReadOnlySpan<byte> text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text, hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    private SplitReport Describe(DocumentSet documents, CorpusSplit split, HashSet<UInt128>? known)
    {
        var near = 0;
        if (known is not null)
        {
            for (var i = 0; i < documents.Count; i++)
            {
                if (known.Contains(NormalizedText.Fingerprint(documents[i]))) near++;
            }
        }

        return new()
        {
            Groups = _groups[(int)split].Count,
            Documents = documents.Count,
            Bytes = documents.ByteCount,
            ContentHash = documents.ContentHash,
            NearDuplicateShare = near == 0 ? 0 : near / (double)documents.Count,
        };
    }
}

/// <summary>The three parts of a corpus.</summary>
internal enum CorpusSplit
{
    Train,
    Validation,
    Audit,
}
