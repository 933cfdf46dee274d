using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>
/// Cuts UTF-8 text into the words inside which byte pairs may be merged, without allocating. The language is that of the
/// GPT-4 split pattern with numbers in groups of at most two, as autoresearch uses it; in its order of alternatives:
/// <code>
/// '(?i:[sdmt]|ll|ve|re) | [^\r\n\p{L}\p{N}]?+\p{L}+ | \p{N}{1,2} | ?[^\s\p{L}\p{N}]++[\r\n]* | \s*[\r\n] | \s+(?!\S) | \s+
/// </code>
/// A byte that is not part of valid UTF-8 counts as a symbol of its own (neither letter, digit nor space), so that any
/// bytes can be cut, and the words concatenated are always the text.
/// </summary>
internal static class WordScanner
{
    /// <summary>Number of the rules above: it is part of every cache key and of the tokenizer file.</summary>
    public const int PatternVersion = 1;

    private const byte Letter = 0, Digit = 1, Newline = 2, Space = 3, Symbol = 4;

    private static readonly byte[] AsciiKinds = CreateAsciiKinds();

    /// <summary>The end (exclusive) of the word that begins at <paramref name="start"/>, which must be inside the text.</summary>
    public static int NextEnd(ReadOnlySpan<byte> text, int start)
    {
        var kind = KindAt(text, start, out var length);
        var next = start + length;
        if (kind == Letter) return SkipLetters(text, next);
        if (kind == Digit)
            return next < text.Length && KindAt(text, next, out var second) == Digit ? next + second : next;

        if (text[start] == (byte)'\'' && ContractionLength(text[next..]) is var contraction and > 0) return next + contraction;

        // One leading character of any kind but a line break joins the letters after it.
        if (kind != Newline && next < text.Length && KindAt(text, next, out var letter) == Letter)
            return SkipLetters(text, next + letter);

        if (kind == Symbol) return SkipSymbols(text, next);
        if (text[start] == (byte)' ' && next < text.Length && KindAt(text, next, out var symbol) == Symbol)
            return SkipSymbols(text, next + symbol);
        return SkipSpaces(text, start);
    }

    // 's 'd 'm 't 'll 've 're: what follows the apostrophe.
    private static int ContractionLength(ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty) return 0;
        var first = rest[0] | 0x20;
        if (first is 's' or 'd' or 'm' or 't') return 1;
        if (rest.Length < 2) return 0;
        return (first, rest[1] | 0x20) is ('l', 'l') or ('v', 'e') or ('r', 'e') ? 2 : 0;
    }

    private static int SkipLetters(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && KindAt(text, position, out var length) == Letter) position += length;
        return position;
    }

    private static int SkipSymbols(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && KindAt(text, position, out var length) == Symbol) position += length;
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n') position++;
        return position;
    }

    // Up to the last line break of the run if it has one; else all at the end of the text; else all but the last character,
    // which belongs to the word after it.
    private static int SkipSpaces(ReadOnlySpan<byte> text, int start)
    {
        int position = start, last = start, afterNewline = 0;
        while (position < text.Length)
        {
            var kind = KindAt(text, position, out var length);
            if (kind is not (Space or Newline)) break;
            last = position;
            position += length;
            if (kind == Newline) afterNewline = position;
        }

        if (afterNewline > 0) return afterNewline;
        return position == text.Length || last == start ? position : last;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte KindAt(ReadOnlySpan<byte> text, int position, out int length)
    {
        var first = text[position];
        if (first >= 0x80) return WideKindAt(text, position, out length);
        length = 1;
        return AsciiKinds[first];
    }

    private static byte WideKindAt(ReadOnlySpan<byte> text, int position, out int length)
    {
        if (Rune.DecodeFromUtf8(text[position..], out var rune, out length) != System.Buffers.OperationStatus.Done)
        {
            length = 1;
            return Symbol;
        }

        return KindOf(rune);
    }

    private static byte KindOf(Rune rune)
    {
        if (rune.Value is '\r' or '\n') return Newline;
        if (Rune.IsLetter(rune)) return Letter;
        if (Rune.IsWhiteSpace(rune)) return Space;
        return Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
            or UnicodeCategory.OtherNumber ? Digit : Symbol;
    }

    private static byte[] CreateAsciiKinds()
    {
        var kinds = new byte[128];
        for (var i = 0; i < kinds.Length; i++) kinds[i] = KindOf(new Rune(i));
        return kinds;
    }
}
