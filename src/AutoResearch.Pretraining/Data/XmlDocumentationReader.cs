using System.Text;
using System.Xml;

namespace AutoResearch.Pretraining;

/// <summary>
/// Turns the members of an XML documentation file into prose: one document per member, a line per section, references
/// written as the names they point to.
/// </summary>
internal sealed class XmlDocumentationReader
{
    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    private readonly StringBuilder _text = new();

    // White space seen but not written yet: it shrinks to one character, and to none at the edges of a section.
    private char _pending;
    private int _sectionStart;

    /// <summary>The documents of a file; the group of each is the type that declares the member.</summary>
    /// <exception cref="XmlException">The file is not well-formed XML.</exception>
    public static List<CorpusDocument> Read(Stream stream)
    {
        var documents = new List<CorpusDocument>();
        var renderer = new XmlDocumentationReader();
        using var reader = XmlReader.Create(stream, Settings);
        while (reader.Read())
        {
            if (reader.NodeType != XmlNodeType.Element || reader.Name != "member" || reader.IsEmptyElement) continue;
            var name = reader.GetAttribute("name") ?? "";
            var text = renderer.ReadMember(reader);
            if (text.Length > 0) documents.Add(new(DeclaringType(name), text));
        }

        return documents;
    }

    /// <summary>
    /// The declaring type of a member id, without the number of its type parameters: <c>M:System.Span`1.Slice(System.Int32)</c>
    /// belongs to <c>System.Span</c>.
    /// </summary>
    internal static string DeclaringType(string memberId)
    {
        var name = memberId.Length > 2 && memberId[1] == ':' ? memberId[2..] : memberId;
        var parameters = name.AsSpan().IndexOfAny('(', '~');
        if (parameters >= 0) name = name[..parameters];
        if (memberId.Length > 1 && memberId[0] is not ('T' or 'N'))
        {
            var dot = name.LastIndexOf('.');
            if (dot > 0) name = name[..dot];
        }

        return WithoutArity(name);
    }

    /// <summary>
    /// How a reference reads: <c>T:System.Span`1</c> as Span, <c>M:System.Span`1.Slice(System.Int32)</c> as Span.Slice.
    /// </summary>
    internal static string ReferenceName(string id)
    {
        var kind = id.Length > 2 && id[1] == ':' ? id[0] : 'T';
        var name = id[(id.IndexOf(':', StringComparison.Ordinal) + 1)..];
        var parameters = name.AsSpan().IndexOfAny('(', '~', '{');
        if (parameters >= 0) name = name[..parameters];
        name = WithoutArity(name);
        if (kind == 'N') return name;

        var last = name.LastIndexOf('.');
        if (last < 0) return name;
        if (kind is 'T' or '!') return name[(last + 1)..];
        var first = name.LastIndexOf('.', last - 1);
        return name[(last + 1)..] is "#ctor" ? name[(first + 1)..last] : name[(first + 1)..];
    }

    private string ReadMember(XmlReader reader)
    {
        _text.Clear();
        var depth = reader.Depth;
        while (reader.Read() && reader.Depth > depth)
        {
            if (reader.NodeType == XmlNodeType.Element && !reader.IsEmptyElement) ReadSection(reader);
        }

        return _text.ToString();
    }

    private void ReadSection(XmlReader reader)
    {
        var before = _text.Length;
        if (before > 0) _text.Append('\n');
        _text.Append(Heading(reader));
        _sectionStart = _text.Length;
        _pending = '\0';

        var depth = reader.Depth;
        while (reader.Read() && reader.Depth > depth) Render(reader);
        if (_text.Length == _sectionStart) _text.Length = before;
    }

    private static string Heading(XmlReader reader) => reader.Name switch
    {
        "param" or "typeparam" => $"{reader.GetAttribute("name")}: ",
        "returns" => "Returns: ",
        "value" => "Value: ",
        "exception" => $"Throws {ReferenceName(reader.GetAttribute("cref") ?? "")}: ",
        _ => "",
    };

    private void Render(XmlReader reader)
    {
        switch (reader.NodeType)
        {
            case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace:
                Append(reader.Value);
                break;
            case XmlNodeType.Element when IsBlock(reader.Name):
                Break();
                if (reader.Name is "item" or "li") Append("- ");
                break;
            case XmlNodeType.Element when reader.IsEmptyElement && Target(reader) is { Length: > 0 } target:
                Append(target);
                break;
            case XmlNodeType.Element when reader.Name is "description":
                Append(" ");
                break;
            case XmlNodeType.EndElement when IsBlock(reader.Name):
                Break();
                break;
        }
    }

    private static bool IsBlock(string element) => element is "para" or "p" or "item" or "li" or "list" or "listheader" or "br";

    private static string Target(XmlReader reader)
    {
        if (reader.GetAttribute("cref") is { } reference) return ReferenceName(reference);
        if (reader.GetAttribute("uid") is { } uid) return ReferenceName(uid);
        return reader.GetAttribute("langword") ?? reader.GetAttribute("name") ?? reader.GetAttribute("href") ?? "";
    }

    private void Break() => _pending = '\n';

    // A blank line in the source is a paragraph, other white space a space.
    private void Append(string text)
    {
        var breaks = 0;
        foreach (var character in text)
        {
            if (char.IsWhiteSpace(character))
            {
                if (character == '\n' && ++breaks > 1) _pending = '\n';
                if (_pending == '\0') _pending = ' ';
                continue;
            }

            if (_pending != '\0' && _text.Length > _sectionStart) _text.Append(_pending);
            (_pending, breaks) = ('\0', 0);
            _text.Append(character);
        }
    }

    private static string WithoutArity(string name)
    {
        if (!name.Contains('`', StringComparison.Ordinal)) return name;
        var text = new StringBuilder(name.Length);
        for (var i = 0; i < name.Length; i++)
        {
            if (name[i] != '`')
            {
                text.Append(name[i]);
                continue;
            }

            while (i + 1 < name.Length && (name[i + 1] == '`' || char.IsAsciiDigit(name[i + 1]))) i++;
        }

        return text.ToString();
    }
}
