using System.Text;
using System.Text.RegularExpressions;
using AutoResearch.Tests;
using FsCheck;
using FsCheck.Fluent;

namespace AutoResearch.Pretraining.Tests;

public sealed class WordScannerTests
{
    // The same language for .NET's engine, which knows atomic groups instead of possessive quantifiers.
    private static readonly Regex Pattern = new(
        @"'(?i:[sdmt]|ll|ve|re)|(?>[^\r\n\p{L}\p{N}]?)\p{L}+|\p{N}{1,2}| ?(?>[^\s\p{L}\p{N}]+)[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant);

    [Fact]
    public void NextEnd_AnyText_CutsLikeTheRegularExpression() =>
        Prop.ForAll(Texts.ToArbitrary(), text =>
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            var expected = Pattern.Matches(text).Select(m => m.Value).ToList();
            Assert.Equal(expected, Cut(utf8).ConvertAll(Encoding.UTF8.GetString));
        }).Verify(maxTest: 2000);

    [Fact]
    public void NextEnd_AnyBytes_WordsJoinToTheBytes() =>
        Prop.ForAll<byte[]>(bytes => Cut(bytes).SelectMany(w => w).SequenceEqual(bytes)).Verify(maxTest: 500);

    private static Gen<string> Texts =>
        Gen.Elements("a", "B", "é", "数", "1", "٣", "½", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "'", "'s", "'LL", "'re", "don't",
            ".", "!?", "_", "-", "x1", "€")
            .ArrayOf().Select(string.Concat);

    private static List<byte[]> Cut(byte[] text)
    {
        var words = new List<byte[]>();
        for (var start = 0; start < text.Length;)
        {
            var end = WordScanner.NextEnd(text, start);
            Assert.True(end > start);
            words.Add(text[start..end]);
            start = end;
        }

        return words;
    }
}
