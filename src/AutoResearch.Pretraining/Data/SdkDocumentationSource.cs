using System.Security.Cryptography;
using System.Text;
using System.Xml;

namespace AutoResearch.Pretraining;

/// <summary>Reads the documentation files of the SDK into a corpus.</summary>
internal static class SdkDocumentationSource
{
    private sealed record FileContent(string Hash, List<CorpusDocument> Documents, string? Problem);

    public static Corpus Read(
        List<(string Name, string Path)> files, CorpusOptions options, IProgress<DataProgress>? progress,
        CancellationToken cancellationToken)
    {
        var contents = ReadFiles(files, progress, cancellationToken);
        var builder = new CorpusBuilder(options);
        var copies = new Dictionary<string, (long Documents, long Bytes)>(StringComparer.Ordinal);
        var problems = new FileProblems();
        var identical = 0;
        for (var i = 0; i < files.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new("Removing duplicates", i / (double)files.Count));
            var content = contents[i];
            if (content.Problem is not null)
            {
                problems.Add(files[i].Name, content.Problem);
            }
            else if (copies.TryGetValue(content.Hash, out var first))
            {
                identical++;
                builder.AddCopies(first.Documents, first.Bytes);
            }
            else
            {
                copies[content.Hash] = AddAll(builder, content.Documents);
            }
        }

        return builder.Build(new()
        {
            Source = "XML documentation of the .NET reference packs: "
                + string.Join(", ",
                    files.Select(f => string.Join(' ', f.Name.Split('/').Take(2))).Distinct(StringComparer.Ordinal)),
            Files = files.Count - problems.Count,
            IdenticalFiles = identical,
            ProblemFiles = problems.Count,
            Problems = problems.First,
            SplitUnit = "type",
        });
    }

    private static (long Documents, long Bytes) AddAll(CorpusBuilder builder, List<CorpusDocument> documents)
    {
        var bytes = 0L;
        foreach (var (type, text) in documents)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            builder.Add(type, utf8);
            bytes += utf8.Length;
        }

        return (documents.Count, bytes);
    }

    // In parallel, each distinct content parsed once.
    private static FileContent[] ReadFiles(
        List<(string Name, string Path)> files, IProgress<DataProgress>? progress, CancellationToken cancellationToken)
    {
        var contents = new FileContent[files.Count];
        var parsed = new HashSet<string>(StringComparer.Ordinal);
        var done = 0;
        Parallel.For(0, files.Count, new ParallelOptions { CancellationToken = cancellationToken }, i =>
        {
            contents[i] = ReadFile(files[i].Path, parsed);
            progress?.Report(new("Reading documents", Interlocked.Increment(ref done) / (double)files.Count));
        });

        // Of identical files one was parsed, whichever thread came first: give its documents to the first in order.
        var byHash = contents.Where(c => c.Documents.Count > 0).ToDictionary(c => c.Hash, StringComparer.Ordinal);
        for (var i = 0; i < contents.Length; i++)
        {
            if (contents[i].Problem is null && byHash.TryGetValue(contents[i].Hash, out var full)) contents[i] = full;
        }

        return contents;
    }

    private static FileContent ReadFile(string path, HashSet<string> parsed)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var hash = Convert.ToHexString(SHA256.HashData(bytes));
            lock (parsed)
            {
                if (!parsed.Add(hash)) return new(hash, [], null);
            }

            return new(hash, XmlDocumentationReader.Read(new MemoryStream(bytes)), null);
        }
        catch (XmlException e)
        {
            return new("", [], $"not valid XML, left out: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new("", [], $"could not be read: {e.Message}");
        }
    }
}
