using System.Text;

namespace AutoResearch.Pretraining.Tests;

public sealed class SdkDocumentationTests
{
    [Fact]
    public void Read_Members_BecomeProse()
    {
        const string xml = """
            <doc><members>
              <member name="M:System.Text.Buffer`1.Read``1(System.Int32)">
                <summary>Reads a <see cref="T:System.Collections.Generic.List`1" />,
                  or <see langword="null" />.<para>See <see cref="M:System.String.Format(System.String)" />.</para></summary>
                <param name="count">The <paramref name="count" /> of <c>items</c>.</param>
                <exception cref="T:System.IO.IOException">The disk failed.</exception>
                <returns>   </returns>
              </member>
              <member name="T:System.Empty"><summary /></member>
            </members></doc>
            """;
        var document = Assert.Single(XmlDocumentationReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(xml))));
        Assert.Equal("System.Text.Buffer", document.Group);
        Assert.Equal(
            "Reads a List, or null.\nSee String.Format.\ncount: The count of items.\nThrows IOException: The disk failed.",
            document.Text);
    }

    [Theory]
    [InlineData("T:System.Span`1", "System.Span")]
    [InlineData("M:System.Span`1.Slice(System.Int32)", "System.Span")]
    [InlineData("M:System.Array.System#Collections#IList#Add(System.Object)", "System.Array")]
    [InlineData("M:System.Decimal.op_Explicit(System.Decimal)~System.Int32", "System.Decimal")]
    [InlineData("P:System.Exception.Message", "System.Exception")]
    public void DeclaringType_MemberId_IsTheType(string id, string type) =>
        Assert.Equal(type, XmlDocumentationReader.DeclaringType(id));

    [Fact]
    public void Find_NoPacks_ListsWhereItLooked()
    {
        using var folder = new TemporaryFolder();
        var e = Assert.Throws<CorpusException>(() => SdkDocumentationLocator.Find([folder.Path]));
        Assert.Contains(Path.Combine(folder.Path, "packs"), e.Message);
        Assert.Contains("DOTNET_ROOT", e.Message);
    }

    [Fact]
    public void Find_SeveralVersions_TakesTheNewest()
    {
        using var folder = new TemporaryFolder();
        foreach (var version in (string[])["9.0.12", "10.0.0-rc.1", "10.0.2", "10.0.0"])
            folder.Write($"packs/A.Ref/{version}/ref/net10.0/A.xml", "<doc/>");
        Assert.Equal(["A.Ref/10.0.2/A.xml"], SdkDocumentationLocator.Find([folder.Path]).Select(f => f.Name));
    }

    [Fact]
    public void FromSdkDocumentation_InstalledPack_SplitsWholeTypesWithoutCopies()
    {
        List<(string Name, string Path)> files;
        try
        {
            files = [.. SdkDocumentationLocator.Find()
                .Where(f => f.Name.Contains("/System.Collections") || f.Name.Contains("/System.Net"))];
        }
        catch (CorpusException e)
        {
            Assert.Skip(e.Message);
            return;
        }

        var corpus = SdkDocumentationSource.Read(files, new() { Cache = null }, null, TestContext.Current.CancellationToken);
        var all = CorpusTests.Texts(corpus.Train).Concat(CorpusTests.Texts(corpus.Validation))
            .Concat(CorpusTests.Texts(corpus.Audit)).ToList();
        Assert.True(all.Count > 2000);
        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.Equal(corpus.Report.DocumentsFound, all.Count + corpus.Report.DuplicatesRemoved);
        var again = SdkDocumentationSource.Read(files, new() { Cache = null }, null, TestContext.Current.CancellationToken);
        Assert.Equal(corpus.Report.ToString(), again.Report.ToString());
    }
}
