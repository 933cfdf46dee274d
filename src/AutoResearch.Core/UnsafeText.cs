using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Characters that make text look like something else than it is: they steer terminals, turn the direction of
/// writing, or cannot be seen.
/// </summary>
internal static class UnsafeText
{
    /// <summary>Controls, bidirectional marks and overrides, zero-width characters, tags.</summary>
    public static bool IsUnsafe(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate;

    /// <summary>True when a text holds one.</summary>
    public static bool IsUnsafe(string text) => text.EnumerateRunes().Any(IsUnsafe);
}
