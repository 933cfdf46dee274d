using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>
/// Text in three splits without exact duplicates: no document occurs in two of them, and documents that belong together
/// (members of one type, parts of one file) are in the same split. Immutable and thread-safe.
/// </summary>
public sealed class Corpus
{
    internal Corpus(DocumentSet train, DocumentSet validation, DocumentSet audit, CorpusReport report)
    {
        Train = train;
        Validation = validation;
        Audit = audit;
        Report = report;
    }

    /// <summary>What models and tokenizers are trained on.</summary>
    public DocumentSet Train { get; }

    /// <summary>What experiments are scored on.</summary>
    public DocumentSet Validation { get; }

    /// <summary>Text that no experiment is scored on, for a rare independent look.</summary>
    public DocumentSet Audit { get; }

    /// <summary>What was found and what became of it.</summary>
    public CorpusReport Report { get; }

    /// <summary>
    /// Reads a folder of text files and its subfolders: UTF-8, or UTF-16 with a byte order mark, any extension. Line ends
    /// become <c>\n</c>, long files are cut at blank lines, files are split whole (sections of files when there are too few
    /// files for that). Hidden files and folders are left out. Other files that cannot be used are named in the report.
    /// </summary>
    /// <param name="directory">The folder.</param>
    /// <param name="options">Fractions, limits, cache.</param>
    /// <param name="progress">Told the stage and the share done.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="CorpusException">The folder does not exist, cannot be read or has no text.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static Corpus FromDirectory(
        string directory,
        CorpusOptions? options = null,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new();
        options.Validate();
        directory = Path.GetFullPath(directory);
        if (!Directory.Exists(directory))
        {
            throw new CorpusException(File.Exists(directory)
                ? $"'{directory}' is a file; give the folder that holds the text files."
                : $"The folder '{directory}' does not exist.");
        }

        var problems = new FileProblems();
        List<(string Name, string Path)> files;
        try
        {
            files = TextFolderSource.Find(directory, problems);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The folder '{directory}' cannot be read: {e.Message}", e);
        }

        return CorpusCache.GetOrRead($"folder|{directory}", files, options,
            () => TextFolderSource.Read(directory, files, problems, options, progress, cancellationToken));
    }

    /// <summary>
    /// Reads the XML API documentation in the reference packs of the installed .NET SDK: one document per member, split by
    /// whole type. It is there wherever the SDK is, and nothing is downloaded.
    /// </summary>
    /// <inheritdoc cref="FromDirectory" path="/param[@name!='directory']"/>
    /// <exception cref="CorpusException">No documentation was found; the message lists where was looked.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static Corpus FromSdkDocumentation(
        CorpusOptions? options = null,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new();
        options.Validate();
        var files = SdkDocumentationLocator.Find();
        return CorpusCache.GetOrRead("sdk", files, options,
            () => SdkDocumentationSource.Read(files, options, progress, cancellationToken));
    }

    /// <summary>Makes a corpus of documents from anywhere, in the order given; nothing is cached.</summary>
    /// <exception cref="CorpusException">There is no text.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static Corpus FromDocuments(IEnumerable<CorpusDocument> documents, CorpusOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(documents);
        options ??= new();
        options.Validate();
        var builder = new CorpusBuilder(options);
        foreach (var (group, text) in documents) builder.Add(group, Encoding.UTF8.GetBytes(text));
        var corpus = builder.Build(new() { Source = "documents of the caller", SplitUnit = "group" });
        return corpus.Report.DocumentsFound > 0 ? corpus : throw new CorpusException("There are no documents, or all are empty.");
    }
}
