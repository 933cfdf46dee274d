namespace AutoResearch;

/// <summary>
/// What a loop found, for people: <c>report.html</c> (one self-contained file), <c>report.md</c> and the chart
/// <c>progress.svg</c>. The headline claims only what was re-measured with fresh seeds.
/// </summary>
public sealed class ResearchReport
{
    private readonly ResearchHistory _history;

    /// <summary>A report on a history, of a loop that ended or not.</summary>
    public ResearchReport(ResearchHistory history) => _history = history ?? throw new ArgumentNullException(nameof(history));

    /// <summary>A report on the journal of a directory; a loop may be writing to it.</summary>
    /// <exception cref="FileNotFoundException">There is no journal in the directory.</exception>
    public static async ValueTask<ResearchReport> OfDirectoryAsync(
        string directory, CancellationToken cancellationToken = default) =>
        new(await Journal.ReadHistoryAsync(directory, cancellationToken).ConfigureAwait(false));

    /// <summary>The result in one sentence.</summary>
    public string Headline => ReportText.Headline(_history);

    /// <summary>The report as one self-contained HTML document.</summary>
    public string ToHtml() => HtmlReport.Write(_history);

    /// <summary>The report in Markdown; its picture is <c>progress.svg</c>.</summary>
    public string ToMarkdown() => MarkdownReport.Write(_history);

    /// <summary>Writes <c>report.html</c>, <c>report.md</c> and <c>progress.svg</c>, each replaced as a whole.</summary>
    /// <param name="directory">Where to; created when it does not exist.</param>
    /// <param name="cancellationToken">Stops between the files.</param>
    public async Task WriteAsync(string directory, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        Directory.CreateDirectory(directory);
        await Write("progress.svg", new ProgressChart(_history).ToSvg()).ConfigureAwait(false);
        await Write("report.md", ToMarkdown()).ConfigureAwait(false);
        await Write("report.html", ToHtml()).ConfigureAwait(false);

        Task Write(string name, string text) => AtomicFile.WriteAsync(Path.Combine(directory, name), text, cancellationToken);
    }
}
