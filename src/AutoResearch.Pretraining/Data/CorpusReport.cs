using System.Globalization;
using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>What was found while a corpus was read, and what became of it.</summary>
public sealed record CorpusReport
{
    /// <summary>Where the text came from.</summary>
    public required string Source { get; init; }

    /// <summary>Files read.</summary>
    public int Files { get; init; }

    /// <summary>Files that are byte for byte the same as another one; their documents count as duplicates.</summary>
    public int IdenticalFiles { get; init; }

    /// <summary>Number of files that were not used, or used in part.</summary>
    public int ProblemFiles { get; init; }

    /// <summary>The first hundred of those files, with the reason.</summary>
    public IReadOnlyList<FileProblem> Problems { get; init; } = [];

    /// <summary>Documents found, duplicates included.</summary>
    public long DocumentsFound { get; init; }

    /// <summary>Bytes of UTF-8 text found, duplicates included.</summary>
    public long BytesFound { get; init; }

    /// <summary>Documents removed because the same text had been seen.</summary>
    public long DuplicatesRemoved { get; init; }

    /// <summary>Bytes of those documents.</summary>
    public long DuplicateBytesRemoved { get; init; }

    /// <summary>What is kept whole when splits are made: "type", "file", "section of a file" or "group".</summary>
    public string SplitUnit { get; init; } = "";

    /// <summary>The training split.</summary>
    public SplitReport Train { get; init; } = new();

    /// <summary>The validation split.</summary>
    public SplitReport Validation { get; init; } = new();

    /// <summary>The audit split.</summary>
    public SplitReport Audit { get; init; } = new();

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"source      {Source}");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"files       {Files:N0} read, {IdenticalFiles:N0} of them identical to another, {ProblemFiles:N0} with problems");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"found       {DocumentsFound:N0} documents, {BytesFound:N0} bytes");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"duplicates  {DuplicatesRemoved:N0} documents, {DuplicateBytesRemoved:N0} bytes removed");
        text.AppendLine(CultureInfo.InvariantCulture, $"split by    whole {SplitUnit}");
        Append(text, "train", Train);
        Append(text, "validation", Validation);
        Append(text, "audit", Audit);
        foreach (var problem in Problems)
            text.AppendLine(CultureInfo.InvariantCulture, $"problem     {problem.Path}: {problem.Reason}");
        return text.ToString();
    }

    private static void Append(StringBuilder text, string name, SplitReport split)
    {
        text.Append(CultureInfo.InvariantCulture,
            $"{name,-11} {split.Groups:N0} groups, {split.Documents:N0} documents, {split.Bytes:N0} bytes, "
            + $"{split.ContentHash[..Math.Min(12, split.ContentHash.Length)]}");
        if (name != "train")
            text.Append(CultureInfo.InvariantCulture, $", near-duplicates in train: {split.NearDuplicateShare:P2}");
        text.AppendLine();
    }
}

/// <summary>One split of a corpus.</summary>
public sealed record SplitReport
{
    /// <summary>Number of groups (types, files, sections).</summary>
    public int Groups { get; init; }

    /// <summary>Number of documents.</summary>
    public int Documents { get; init; }

    /// <summary>Bytes of text.</summary>
    public long Bytes { get; init; }

    /// <summary>SHA-256 of the documents, lower-case hex.</summary>
    public string ContentHash { get; init; } = "";

    /// <summary>
    /// Share of the documents (0 to 1) whose text, with numbers and white space made alike and case ignored, also occurs in
    /// the training split. 0 for the training split itself.
    /// </summary>
    public double NearDuplicateShare { get; init; }
}

/// <summary>A file that was not used, or in part.</summary>
/// <param name="Path">Path relative to the source.</param>
/// <param name="Reason">What is wrong with it and what was done.</param>
public sealed record FileProblem(string Path, string Reason);
