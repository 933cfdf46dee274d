using System.Text;

namespace AutoResearch.Pretraining.Tests;

public sealed class CorpusTests
{
    private static readonly CorpusOptions NoCache = new() { Cache = null };

    [Fact]
    public void FromDocuments_CopiesInManyGroups_NoTextInTwoSplits()
    {
        var random = new Random(3);
        var corpus = Corpus.FromDocuments(
            Enumerable.Range(0, 5000).Select(i => new CorpusDocument($"Type{i / 5}", $"text {random.Next(1500)}")), NoCache);
        var all = Texts(corpus.Train).Concat(Texts(corpus.Validation)).Concat(Texts(corpus.Audit)).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.Equal(5000, corpus.Report.DocumentsFound);
        Assert.Equal(5000 - all.Count, corpus.Report.DuplicatesRemoved);
        Assert.True(corpus.Validation.Count > 0 && corpus.Audit.Count > 0);
    }

    [Fact]
    public void FromDocuments_ManyGroups_KeepsGroupsWholeAndFractions()
    {
        var corpus = Corpus.FromDocuments(
            Enumerable.Range(0, 20_000).Select(i => new CorpusDocument($"Type{i / 10}", $"group {i / 10} member {i}")), NoCache);
        string[] Groups(DocumentSet split) => [.. Texts(split).Select(t => t.Split(' ')[1]).Distinct()];
        var (train, validation, audit) = (Groups(corpus.Train), Groups(corpus.Validation), Groups(corpus.Audit));
        Assert.Equal(2000, train.Length + validation.Length + audit.Length);
        Assert.InRange(validation.Length, 70, 130);
        Assert.InRange(audit.Length, 70, 130);

        // Only the numbers differ: that is what the near-duplicate share is for.
        Assert.Equal(1.0, corpus.Report.Validation.NearDuplicateShare);
    }

    [Fact]
    public void FromDirectory_ManyFiles_SplitsWholeFilesAndReportsProblems()
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 400; i++) folder.Write($"{i % 7}/f{i}.txt", $"file {i} first\r\n\r\nfile {i} second");
        folder.Write("picture.bin", [1, 0, 2]);
        folder.Write("empty.txt", "");
        folder.Write("latin.txt", [.. Encoding.UTF8.GetBytes(new string('a', 100)), 0xE9]);
        folder.Write("utf16.txt", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("größer")]);
        folder.Write(".git/secret", "hidden");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "broken"), Path.Combine(folder.Path, "nowhere"));

        var corpus = Corpus.FromDirectory(folder.Path,
            new() { Cache = null, ValidationFraction = 0.1, AuditFraction = 0.1, MaximumDocumentBytes = 20 });
        Assert.Equal("file", corpus.Report.SplitUnit);
        var all = Texts(corpus.Train).Concat(Texts(corpus.Validation)).Concat(Texts(corpus.Audit)).ToList();
        Assert.Contains("größer", all);
        Assert.DoesNotContain("hidden", all);
        Assert.Contains(all, t => t.Contains('\uFFFD'));
        Assert.DoesNotContain(all, t => t.Contains('\r'));
        Assert.Equal(["broken", "empty.txt", "latin.txt", "picture.bin"], corpus.Report.Problems.Select(p => p.Path));
        string[] Files(DocumentSet split) =>
            [.. Texts(split).Where(t => t.StartsWith("file")).Select(t => t.Split(' ')[1]).Distinct()];
        Assert.Empty(Files(corpus.Train).Intersect(Files(corpus.Validation)));
        Assert.Equal(400, Files(corpus.Train).Length + Files(corpus.Validation).Length + Files(corpus.Audit).Length);
    }

    [Fact]
    public void FromDirectory_OneBook_SplitsSections()
    {
        using var folder = new TemporaryFolder();
        folder.Write("book.txt", string.Join("\n\n", SampleText.Texts(500, 30)));
        var corpus = Corpus.FromDirectory(folder.Path, new() { Cache = null, MaximumDocumentBytes = 500 });
        Assert.Equal("section of a file", corpus.Report.SplitUnit);
        Assert.InRange(corpus.Validation.ByteCount / (double)corpus.Report.BytesFound, 0.02, 0.10);
        Assert.InRange(corpus.Audit.ByteCount / (double)corpus.Report.BytesFound, 0.02, 0.10);
        Assert.True(Texts(corpus.Train).All(t => Encoding.UTF8.GetByteCount(t) <= 500));
    }

    [Fact]
    public void FromDirectory_NothingUsable_SaysWhy()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("no files", Assert.Throws<CorpusException>(() => Corpus.FromDirectory(folder.Path, NoCache)).Message);
        folder.Write("a.bin", [0, 1]);
        Assert.Contains("a.bin: binary",
            Assert.Throws<CorpusException>(() => Corpus.FromDirectory(folder.Path, NoCache)).Message);
        Assert.Contains("does not exist",
            Assert.Throws<CorpusException>(() => Corpus.FromDirectory(folder.Path + "x", NoCache)).Message);
        Assert.Contains("is a file",
            Assert.Throws<CorpusException>(() => Corpus.FromDirectory(Path.Combine(folder.Path, "a.bin"), NoCache)).Message);
    }

    [Fact]
    public void FromDirectory_Cached_SurvivesDamageAndSeesChanges()
    {
        using var folder = new TemporaryFolder();
        using var cache = new TemporaryFolder();
        folder.Write("book.txt", string.Join("\n\n", SampleText.Texts(300, 30)));
        var options = new CorpusOptions { Cache = new(cache.Path) };
        var first = Corpus.FromDirectory(folder.Path, options);
        var file = Assert.Single(Directory.GetFiles(cache.Path));
        var second = Corpus.FromDirectory(folder.Path, options);
        Assert.Equal(first.Train.ContentHash, second.Train.ContentHash);
        Assert.Equal(first.Report.ToString(), second.Report.ToString());

        var content = File.ReadAllBytes(file);
        content[content.Length / 2] ^= 1;
        File.WriteAllBytes(file, content);
        Assert.Equal(first.Train.ContentHash, Corpus.FromDirectory(folder.Path, options).Train.ContentHash);

        folder.Write("book.txt", string.Join("\n\n", SampleText.Texts(301, 30)));
        Assert.NotEqual(first.Report.BytesFound, Corpus.FromDirectory(folder.Path, options).Report.BytesFound);
    }

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(0.5, 0.5)]
    [InlineData(double.NaN, 0.1)]
    public void FromDocuments_ImpossibleFractions_Throw(double validation, double audit) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Corpus.FromDocuments(
            [new("a", "b")], new() { ValidationFraction = validation, AuditFraction = audit }));

    internal static IEnumerable<string> Texts(DocumentSet documents) =>
        Enumerable.Range(0, documents.Count).Select(i => Encoding.UTF8.GetString(documents[i]));
}
