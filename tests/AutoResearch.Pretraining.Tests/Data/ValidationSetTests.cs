using AutoResearch.Tests;
using FsCheck;
using FsCheck.Fluent;

namespace AutoResearch.Pretraining.Tests;

public sealed class ValidationSetTests
{
    [Fact]
    public void Create_AnyDocumentsVocabularyAndLength_ScoresEveryByteOnce() =>
        Prop.ForAll(Cases.ToArbitrary(), c =>
        {
            var (count, longest, vocabulary, length, seed) = c;
            var documents = SampleText.Documents(count, longest, seed);
            var tokenizer = SampleText.Tokenizer(vocabulary);
            var set = ValidationSet.Create(documents, tokenizer, length, long.MaxValue);
            Assert.Equal(documents.ByteCount, set.TotalBytes);
            Assert.Equal(documents.Count, set.Documents);
            for (var i = 0; i < set.DocumentStarts.Length; i++)
                Assert.InRange(set.DocumentStarts[i], i % length == 0 ? 0 : set.DocumentStarts[i - 1], i % length);

            // Join the pieces of each row to runs; a run that begins with BOS is a document's beginning.
            var scored = 0L;
            var runs = new List<List<int>>();
            for (var i = 0; i < set.Targets.Length; i++)
            {
                if (set.Targets[i] < 0) continue;
                scored += tokenizer.TokenBytes[set.Targets[i]];
                if (set.DocumentStarts[i] == i % length) runs.Add([set.Inputs[i]]);
                else Assert.Equal(runs[^1][^1], set.Inputs[i]);
                runs[^1].Add(set.Targets[i]);
            }

            Assert.Equal(documents.ByteCount, scored);
            var beginnings = runs.Where(r => r[0] == tokenizer.BosToken).Select(r => tokenizer.DecodeText(r.ToArray()))
                .Order(StringComparer.Ordinal).ToList();
            var continued = runs.Where(r => r[0] != tokenizer.BosToken).ToList();
            Assert.Equal(documents.Count, beginnings.Count);
            if (continued.Count == 0) Assert.Equal(CorpusTests.Texts(documents).Order(StringComparer.Ordinal), beginnings);
            Assert.All(continued, r => Assert.DoesNotContain(tokenizer.BosToken, r));
        }).Verify(maxTest: 60);

    private static Gen<(int, int, int, int, int)> Cases =>
        from count in Gen.Choose(1, 30)
        from longest in Gen.Choose(1, 40)
        from vocabulary in Gen.Choose(257, 350)
        from length in Gen.Choose(1, 100)
        from seed in Gen.Choose(1, 1000)
        select (count, longest, vocabulary, length, seed);

    [Fact]
    public void Create_OtherTokenizerAndLength_SameTextSameHash()
    {
        var documents = SampleText.Documents(500, 40);
        var a = ValidationSet.Create(documents, SampleText.Tokenizer(300), 32, 10_000);
        var b = ValidationSet.Create(documents, SampleText.Tokenizer(400), 129, 10_000);
        Assert.Equal((a.TotalBytes, a.Documents, a.ContentHash), (b.TotalBytes, b.Documents, b.ContentHash));
        Assert.InRange(a.TotalBytes, 9_000, 10_000);
        Assert.NotEqual(a.ContentHash, ValidationSet.Create(documents, SampleText.Tokenizer(300), 32, 9_000).ContentHash);
    }

    [Fact]
    public void Create_NothingToChoose_SaysWhy()
    {
        Assert.Contains("empty", Assert.Throws<CorpusException>(() =>
            ValidationSet.Create(DocumentSet.Create([]), SampleText.Tokenizer(), 8)).Message);
        Assert.Contains("limit of 3", Assert.Throws<CorpusException>(
            () => ValidationSet.Create(SampleText.Documents(5, 9), SampleText.Tokenizer(), 8, 3)).Message);
    }
}
