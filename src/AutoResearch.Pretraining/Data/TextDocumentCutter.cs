using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>Cuts the text of a file into documents of bounded size.</summary>
internal static class TextDocumentCutter
{
    /// <summary>
    /// The documents of UTF-8 text with line ends <c>\n</c>: as many whole paragraphs (separated by blank lines) as fit the
    /// bound; a longer paragraph is cut after a line, else after a space, else between characters. Blank lines at the edges
    /// of a document are dropped, nothing else is.
    /// </summary>
    public static List<Range> Cut(ReadOnlySpan<byte> text, int maximumBytes)
    {
        var documents = new List<Range>();
        for (var start = SkipBlank(text, 0); start < text.Length;)
        {
            var end = EndOf(text, start, maximumBytes);
            var trimmed = start + text[start..end].TrimEnd(" \t\n"u8).Length;
            if (trimmed > start) documents.Add(start..trimmed);
            start = SkipBlank(text, end);
        }

        return documents;
    }

    private static int EndOf(ReadOnlySpan<byte> text, int start, int maximumBytes)
    {
        if (text.Length - start <= maximumBytes) return text.Length;
        var window = text.Slice(start, maximumBytes);
        if (window.LastIndexOf("\n\n"u8) is var paragraph and > 0) return start + paragraph;
        if (window.LastIndexOf((byte)'\n') is var line and > 0) return start + line + 1;
        if (window.LastIndexOf((byte)' ') is var space and > 0) return start + space + 1;

        // Continuation bytes of UTF-8 are 10xxxxxx: step back to the beginning of a character.
        var end = start + maximumBytes;
        while (end > start + maximumBytes - 4 && (text[end] & 0xC0) == 0x80) end--;
        return end;
    }

    // Whole blank lines, so that the indentation of the first line stays.
    private static int SkipBlank(ReadOnlySpan<byte> text, int position)
    {
        for (var line = position; line < text.Length; line++)
        {
            if (text[line] == (byte)'\n') position = line + 1;
            else if (text[line] is not ((byte)' ' or (byte)'\t')) return position;
        }

        return text.Length;
    }

    /// <summary>
    /// UTF-8 without byte order mark and with line ends <c>\n</c>, or null and the reason why this is not text.
    /// </summary>
    public static byte[]? Decode(byte[] content, out string? problem)
    {
        problem = null;
        string text;
        if (content is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
        {
            text = (content[0] == 0xFF ? Encoding.Unicode : Encoding.BigEndianUnicode).GetString(content.AsSpan(2));
        }
        else
        {
            var bytes = content is [0xEF, 0xBB, 0xBF, ..] ? content.AsSpan(3) : content;
            if (bytes[..Math.Min(bytes.Length, 8192)].Contains((byte)0))
            {
                problem = "binary (has zero bytes), left out";
                return null;
            }

            var valid = System.Text.Unicode.Utf8.IsValid(bytes);
            if (valid && !bytes.Contains((byte)'\r')) return bytes.ToArray();
            text = Encoding.UTF8.GetString(bytes);
            if (!valid)
            {
                var invalid = text.AsSpan().Count('\uFFFD');
                problem = $"not valid UTF-8: {invalid} places";
                if (invalid * 20L > bytes.Length)
                {
                    problem += ", left out; save it as UTF-8";
                    return null;
                }

                problem += " replaced by U+FFFD";
            }
        }

        return Encoding.UTF8.GetBytes(text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n'));
    }
}
