namespace AutoResearch.Pretraining;

/// <summary>Collects documents into a <see cref="DocumentSet"/>.</summary>
internal sealed class DocumentSetBuilder
{
    private readonly List<int> _ends = [];
    private byte[] _text = new byte[1 << 16];
    private int _length;

    public int ByteCount => _length;

    public void Add(ReadOnlySpan<byte> document)
    {
        var end = _length + (long)document.Length;
        if (end > Array.MaxLength)
            throw new CorpusException("A split holds at most 2 GB of text. Lower CorpusOptions.MaximumBytes.");
        if (end > _text.Length) Array.Resize(ref _text, (int)Math.Min(Array.MaxLength, Math.Max(end, _text.Length * 2L)));
        document.CopyTo(_text.AsSpan(_length));
        _length = (int)end;
        _ends.Add(_length);
    }

    public DocumentSet Build() => new(_text.AsMemory(0, _length), [.. _ends]);
}
