using System.Text.Json;
using AutoResearch.Tests;

namespace AutoResearch.Pretraining.Tests;

public sealed class PackedBatchesTests
{
    private const int Batch = 3;

    [Theory]
    [InlineData(1, true)]
    [InlineData(17, true)]
    [InlineData(63, false)]
    [InlineData(64, true)]
    [InlineData(300, true)]
    public void Next_AnyLength_RowsBeginWithBosAndTargetsFollowInputs(int length, bool keepRemainders)
    {
        var documents = Tokens(400, 60);
        var bos = documents.Tokenizer.BosToken;
        var batches = new PackedBatches(documents, Batch, length, 7, bufferSize: 50, keepRemainders);
        var (inputs, targets, starts) = (new int[Batch * length], new int[Batch * length], new int[Batch * length]);
        for (var step = 0; step < 50; step++)
        {
            batches.Next(inputs, targets, starts);
            for (var i = 0; i < inputs.Length; i++)
            {
                var column = i % length;
                if (column == 0) Assert.Equal(bos, inputs[i]);
                if (column + 1 < length) Assert.Equal(inputs[i + 1], targets[i]);
                Assert.Equal(inputs[i] == bos ? column : starts[i - 1], starts[i]);
            }
        }
    }

    [Fact]
    public void Next_RemaindersKept_EveryTokenOncePerEpoch()
    {
        // One document at a time and rows shorter than the documents: the stream of an epoch is the documents themselves.
        var documents = Tokens(40, 60);
        var bos = documents.Tokenizer.BosToken;
        const int length = 9;
        var batches = new PackedBatches(documents, 1, length, 3, bufferSize: 8);
        var counts = new long[documents.Tokenizer.VocabularySize];
        var (inputs, targets) = (new int[length], new int[length]);
        long text = 0;
        while (batches.Epoch < 21)
        {
            batches.Next(inputs, targets);
            foreach (var token in (int[])[inputs[0], .. targets])
            {
                if (token == bos) continue;
                counts[token]++;
                text++;
            }
        }

        Assert.InRange(text / (double)documents.TokenCount, 19, 20.1);
        for (var i = 0; i < documents.Count; i++)
        {
            foreach (var token in documents[i]) Assert.True(counts[token] >= 19);
        }
    }

    [Fact]
    public void Next_DocumentsThatFit_TakesTheLongestFirst()
    {
        // Lengths with BOS 6, 4 and 2: a row of 6 is the first document, the next the other two.
        var tokenizer = BpeTokenizer.Train(DocumentSet.Create(["x"]), 257, new() { Cache = null });
        var documents = TokenizedDocuments.Encode(DocumentSet.Create(["abcde", "fgh", "i"]), tokenizer);
        var batches = new PackedBatches(documents, 2, 5, 1);
        var (inputs, targets) = (new int[10], new int[10]);
        batches.Next(inputs, targets);
        Assert.Equal([256, 'a', 'b', 'c', 'd', 256, 'f', 'g', 'h', 256], inputs);
        Assert.Equal(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 256, 'i'], targets);
    }

    [Fact]
    public void Restore_SavedState_GoesOnExactly()
    {
        var documents = Tokens(100, 60);
        var batches = new PackedBatches(documents, Batch, 20, 5, bufferSize: 30);
        batches.Skip(77);
        var state = JsonSerializer.Deserialize<PackedBatchesState>(JsonSerializer.Serialize(batches.Save()))!;
        var resumed = new PackedBatches(documents, Batch, 20, 5, bufferSize: 30);
        resumed.Restore(state);
        var fresh = new PackedBatches(documents, Batch, 20, 5, bufferSize: 30);
        fresh.Skip(77);
        for (var i = 0; i < 60; i++)
        {
            Assert.Equal(Read(batches), Read(resumed));
            Assert.Equal(batches.Save().Waiting, resumed.Save().Waiting);
        }

        Assert.Equal(batches.Epoch, resumed.Epoch);
        for (var i = 0; i < 60; i++) Read(fresh);
        Assert.Equal(Read(batches), Read(fresh));
        Assert.Throws<ArgumentException>(() => new PackedBatches(documents, Batch, 20, 6).Restore(state));
    }

    [Fact]
    public void Next_SteadyState_AllocatesNothing()
    {
        var batches = new PackedBatches(Tokens(100, 60), Batch, 20, 5);
        var (inputs, targets) = (new int[60], new int[60]);
        batches.Next(inputs, targets);
        Allocations.None(() =>
        {
            for (var i = 0; i < 100; i++) batches.Next(inputs, targets);
        });
    }

    [Fact]
    public void Constructor_LessThanABatch_NamesBothNumbers()
    {
        var documents = Tokens(2, 5);
        var e = Assert.Throws<CorpusException>(() => new PackedBatches(documents, 8, 128, 1));
        Assert.Contains($"{documents.TokenCount + 2:N0}", e.Message);
        Assert.Contains("1,032", e.Message);
    }

    [Fact]
    public void Encode_Cached_IsTheSameAndSurvivesDamage()
    {
        using var folder = new TemporaryFolder();
        var (documents, tokenizer, cache) = (SampleText.Documents(300, 30), SampleText.Tokenizer(), new DataCache(folder.Path));
        var plain = TokenizedDocuments.Encode(documents, tokenizer);
        for (var round = 0; round < 3; round++)
        {
            var cached = TokenizedDocuments.Encode(documents, tokenizer, cache);
            for (var i = 0; i < documents.Count; i++)
            {
                Assert.Equal(plain[i].ToArray(), cached[i].ToArray());
                Assert.Equal(tokenizer.Encode(documents[i]), cached[i].ToArray().Select(t => (int)t));
            }

            if (round == 1) File.WriteAllBytes(Directory.GetFiles(folder.Path).Single(), [1, 2, 3]);
        }
    }

    private static TokenizedDocuments Tokens(int count, int longestWords) =>
        TokenizedDocuments.Encode(SampleText.Documents(count, longestWords, seed: 9), SampleText.Tokenizer());

    private static int[] Read(PackedBatches batches)
    {
        var (inputs, targets) = (new int[60], new int[60]);
        batches.Next(inputs, targets);
        return [.. inputs, .. targets];
    }
}
