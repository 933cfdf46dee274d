using System.Text;

namespace AutoResearch.Pretraining.Tests;

public sealed class DataCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DataCache _cache;

    public DataCacheTests() => _cache = new(Path.Combine(_folder.Path, "cache"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TryReadChecked_WhatWasWritten_IsRead()
    {
        Assert.True(_cache.TryWriteChecked("a.bin", "first "u8.ToArray(), "second"u8.ToArray()));
        Assert.Equal("first second", Encoding.UTF8.GetString(_cache.TryReadChecked("a.bin")!.Value.Span));
        Assert.Null(_cache.TryReadChecked("b.bin"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(11)]
    [InlineData(43)]
    public void TryReadChecked_AnyByteChanged_IsTakenForMissing(int position)
    {
        _cache.TryWriteChecked("a.bin", "twelve bytes"u8.ToArray());
        var path = Path.Combine(_cache.Directory, "a.bin");
        var content = File.ReadAllBytes(path);
        content[position] ^= 1;
        File.WriteAllBytes(path, content);
        Assert.Null(_cache.TryReadChecked("a.bin"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(40)]
    public void TryReadChecked_CutOff_IsTakenForMissing(int length)
    {
        _cache.TryWriteChecked("a.bin", "twelve bytes"u8.ToArray());
        var path = Path.Combine(_cache.Directory, "a.bin");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);
        Assert.Null(_cache.TryReadChecked("a.bin"));
    }

    [Fact]
    public async Task TryWriteChecked_ManyWritersAndReaders_OneWholeContentIsSeenAndNothingIsLeftBehind()
    {
        var contents = Enumerable.Range(0, 4).Select(i => Enumerable.Repeat((byte)i, 100_000 + i).ToArray()).ToArray();
        Assert.True(_cache.TryWriteChecked("a.bin", contents[0]));
        var writers = contents.Select(content => Task.Run(() =>
        {
            for (var i = 0; i < 10; i++) Assert.True(_cache.TryWriteChecked("a.bin", content));
        })).ToArray();
        var seen = 0;
        while (!Task.WhenAll(writers).IsCompleted || seen == 0)
        {
            var read = _cache.TryReadChecked("a.bin");
            Assert.NotNull(read);
            Assert.Contains(contents, content => read.Value.Span.SequenceEqual(content));
            seen++;
        }

        await Task.WhenAll(writers);
        Assert.Equal(["a.bin"], Directory.GetFiles(_cache.Directory).Select(Path.GetFileName));
    }

    [Fact]
    public void TryWrite_FolderCannotBeMade_SaysNoAndTheTokenizerIsTrainedAllTheSame()
    {
        _folder.Write("file", "not a folder");
        var cache = new DataCache(Path.Combine(_folder.Path, "file", "cache"));
        Assert.False(cache.TryWriteChecked("a.bin", "x"u8.ToArray()));
        Assert.Null(cache.TryReadChecked("a.bin"));
        var tokenizer = BpeTokenizer.Train(SampleText.Documents(50, 20), 300, new() { Cache = cache });
        Assert.Equal("the value", tokenizer.DecodeText(tokenizer.Encode("the value")));
    }

    [Fact]
    public void AtomicWrite_TargetIsAFolder_ThrowsAndLeavesNoTemporaryFile()
    {
        var target = Path.Combine(_folder.Path, "target");
        Directory.CreateDirectory(Path.Combine(target, "inside"));
        Assert.ThrowsAny<Exception>(() => AtomicFile.Write(target, "x"u8.ToArray()));
        Assert.Equal([target], Directory.GetFileSystemEntries(_folder.Path));
    }
}
