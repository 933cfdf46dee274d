using System.Text;
using AutoResearch.Tests;
using FsCheck.Fluent;

namespace AutoResearch.Pretraining.Tests;

public sealed class BpeTokenizerTests
{
    private static readonly BpeTrainingOptions NoCache = new() { Cache = null };

    [Fact]
    public void Encode_AnyBytes_DecodesToThem()
    {
        var tokenizer = SampleText.Tokenizer();
        Prop.ForAll<byte[]>(bytes =>
        {
            var tokens = tokenizer.Encode(bytes);
            var length = 0;
            foreach (var token in tokens) length += tokenizer.TokenBytes[token];
            return tokenizer.Decode(tokens).AsSpan().SequenceEqual(bytes) && length == bytes.Length;
        }).Verify(maxTest: 500);
    }

    [Fact]
    public void Train_SmallText_LearnsTheMergesFoundByCounting()
    {
        // Sennrich's method without any index: count all pairs anew before each merge.
        var documents = SampleText.Documents(60, 20, seed: 5);
        var tokenizer = BpeTokenizer.Train(documents, 320, NoCache);
        var words = new List<List<int>>();
        for (var i = 0; i < documents.Count; i++)
        {
            for (var start = 0; start < documents[i].Length;)
            {
                var end = WordScanner.NextEnd(documents[i], start);
                words.Add([.. documents[i][start..end].ToArray().Select(b => (int)b)]);
                start = end;
            }
        }

        var texts = Enumerable.Range(0, 256).Select(b => (byte[])[(byte)b]).ToList();
        while (texts.Count < tokenizer.VocabularySize - 1)
        {
            var best = words.SelectMany(Occurrences).GroupBy(p => p).OrderByDescending(g => g.Count())
                .ThenBy(g => g.Key).First().Key;
            foreach (var word in words)
            {
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if ((word[i], word[i + 1]) != best) continue;
                    word[i] = texts.Count;
                    word.RemoveAt(i + 1);
                }
            }

            texts.Add([.. texts[best.Item1], .. texts[best.Item2]]);
        }

        Assert.Equal(320, tokenizer.VocabularySize);
        for (var id = 0; id < texts.Count; id++) Assert.Equal(texts[id], tokenizer.Token(id).ToArray());

        // Merging as in training is what encoding must do.
        Assert.Equal(words.SelectMany(w => w),
            Enumerable.Range(0, documents.Count).SelectMany(i => tokenizer.Encode(documents[i])));
    }

    // Every position at which a pair could be merged: in "aaa" the pair aa counts twice.
    private static IEnumerable<(int, int)> Occurrences(List<int> word) => word.Zip(word.Skip(1));

    [Fact]
    public void Encode_WordWithoutEnd_GivesTheSameAsShortWords()
    {
        // Words above 128 bytes take another path; 'a' and 'b' merge to tokens that never cross the pieces compared.
        var tokenizer = BpeTokenizer.Train(DocumentSet.Create(["abab abab abab ababab ab"]), 262, NoCache);
        var reference = Reference(tokenizer, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("ababbabaa", 100))));
        Assert.Equal(reference, tokenizer.Encode(string.Concat(Enumerable.Repeat("ababbabaa", 100))));
    }

    private static List<int> Reference(BpeTokenizer tokenizer, byte[] word)
    {
        var symbols = word.Select(b => new[] { b }).ToList();
        for (var id = 256; id < tokenizer.BosToken; id++)
        {
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (!symbols[i].Concat(symbols[i + 1]).SequenceEqual(tokenizer.Token(id).ToArray())
                    || !IsPair(tokenizer, id, symbols[i]))
                    continue;
                symbols[i] = tokenizer.Token(id).ToArray();
                symbols.RemoveAt(i + 1);
            }
        }

        return symbols.ConvertAll(s => Enumerable.Range(0, tokenizer.BosToken).First(id => tokenizer.Token(id).SequenceEqual(s)));
    }

    // Of tokens this short the text tells the two halves: no two tokens have the same text here.
    private static bool IsPair(BpeTokenizer tokenizer, int id, byte[] left) =>
        Enumerable.Range(0, id).Any(other => tokenizer.Token(other).SequenceEqual(left));

    [Fact]
    public void Train_Twice_IsTheSame() => Assert.Equal(SampleText.Tokenizer().ContentHash, SampleText.Tokenizer().ContentHash);

    [Theory]
    [InlineData(256, 257)]
    [InlineData(257, 257)]
    [InlineData(258, 258)]
    public void Train_SmallestVocabularies_AreTheBytesAndBos(int asked, int size)
    {
        var tokenizer = BpeTokenizer.Train(SampleText.Documents(3, 3), asked, NoCache);

        Assert.Equal(size, tokenizer.VocabularySize);
        Assert.Equal([0xC3, 0xA9], tokenizer.Decode(tokenizer.Encode("é")));
        Assert.Empty(tokenizer.Decode([tokenizer.BosToken]));
    }

    [Theory]
    [InlineData(255)]
    [InlineData(65_537)]
    public void Train_ImpossibleVocabulary_NamesTheRange(int size)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => BpeTokenizer.Train(SampleText.Documents(3, 3), size, NoCache));
        Assert.Contains("256", e.Message);
        Assert.Contains("65536", e.Message);
    }

    [Fact]
    public void Train_TooFewPairs_YieldsASmallerVocabulary()
    {
        var tokenizer = BpeTokenizer.Train(DocumentSet.Create(["ab ab"]), 1000, NoCache);
        Assert.InRange(tokenizer.VocabularySize, 258, 260);
        Assert.Equal(tokenizer.VocabularySize - 1, tokenizer.BosToken);
        Assert.Equal(0, tokenizer.TokenBytes[tokenizer.BosToken]);
    }

    [Fact]
    public void Load_SavedFile_EncodesAlike()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.json");
        var tokenizer = SampleText.Tokenizer();
        tokenizer.Save(path);
        Assert.Equal(tokenizer.ContentHash, BpeTokenizer.Load(path).ContentHash);

        File.WriteAllText(path, File.ReadAllText(path).Replace("\"merges\":[", "\"merges\":[97,98,"));
        Assert.Contains("damaged", Assert.Throws<InvalidDataException>(() => BpeTokenizer.Load(path)).Message);
        File.WriteAllText(path, "no json");
        Assert.Throws<InvalidDataException>(() => BpeTokenizer.Load(path));
    }

    [Fact]
    public void Train_DamagedCache_TrainsAgain()
    {
        using var folder = new TemporaryFolder();
        var options = new BpeTrainingOptions { Cache = new(folder.Path) };
        var documents = SampleText.Documents(50, 20);
        var hash = BpeTokenizer.Train(documents, 300, options).ContentHash;
        var file = Assert.Single(Directory.GetFiles(folder.Path));
        var content = File.ReadAllText(file);
        File.WriteAllText(file, content[..^20]);
        Assert.Equal(hash, BpeTokenizer.Train(documents, 300, options).ContentHash);
        Assert.Equal(content, File.ReadAllText(file));
    }
}
