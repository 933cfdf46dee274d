using System.Security.Cryptography;

namespace AutoResearch.Pretraining;

/// <summary>Documents in a fixed order, as UTF-8 in one block of memory. Immutable and thread-safe.</summary>
public sealed class DocumentSet
{
    private readonly ReadOnlyMemory<byte> _text;
    private readonly int[] _ends;

    internal DocumentSet(ReadOnlyMemory<byte> text, int[] ends)
    {
        _text = text;
        _ends = ends;
        ContentHash = Hash();
    }

    /// <summary>Number of documents.</summary>
    public int Count => _ends.Length;

    /// <summary>Bytes of all documents together.</summary>
    public long ByteCount => _text.Length;

    /// <summary>SHA-256 over the documents and their borders, lower-case hex.</summary>
    public string ContentHash { get; }

    /// <summary>The UTF-8 text of a document.</summary>
    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            var start = index == 0 ? 0 : _ends[index - 1];
            return _text.Span[start.._ends[index]];
        }
    }

    /// <summary>Collects documents given as text, in the order given.</summary>
    public static DocumentSet Create(IEnumerable<string> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var builder = new DocumentSetBuilder();
        foreach (var document in documents) builder.Add(System.Text.Encoding.UTF8.GetBytes(document));
        return builder.Build();
    }

    /// <summary>Length of a document in bytes.</summary>
    public int LengthOf(int index) => _ends[index] - (index == 0 ? 0 : _ends[index - 1]);

    internal ReadOnlyMemory<byte> Text => _text;

    internal ReadOnlySpan<int> Ends => _ends;

    /// <summary>
    /// Documents spread evenly over the set that hold about <paramref name="maximumBytes"/>: all when it is small.
    /// </summary>
    internal List<int> Sample(long maximumBytes)
    {
        var sample = new List<int>();
        var share = ByteCount <= maximumBytes ? 1 : maximumBytes / (double)ByteCount;
        var owed = 0.0;
        for (var i = 0; i < Count; i++)
        {
            owed += LengthOf(i) * share;
            if (owed < LengthOf(i) && share < 1) continue;
            owed -= LengthOf(i);
            sample.Add(i);
        }

        if (sample.Count == 0 && Count > 0) sample.Add(0);
        return sample;
    }

    private string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Integers.ToBytes(_ends));
        hash.AppendData(_text.Span);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
