using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Text of other origin, e.g. a log, in a prompt: between marks that hold the hash of the text, which the text itself cannot
/// contain, so it cannot pretend to have ended. Control characters are taken out.
/// </summary>
internal static class DataBlock
{
    public static string Of(string kind, string text)
    {
        var clean = Clean(text);
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(clean)))[..12];
        return $"<<<data {kind} {mark}\n{clean}\n>>>end {mark}\n";
    }

    /// <summary>The last characters of a text, from the beginning of a line where possible.</summary>
    public static string Tail(string text, int length)
    {
        if (text.Length <= length) return text;
        var tail = text[^length..];
        var line = tail.IndexOf('\n', StringComparison.Ordinal);
        return "… " + (line >= 0 && line < length / 2 ? tail[(line + 1)..] : tail);
    }

    private static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var c in text) clean.Append(c is '\n' or '\t' || !char.IsControl(c) ? c : ' ');
        return clean.ToString();
    }
}
