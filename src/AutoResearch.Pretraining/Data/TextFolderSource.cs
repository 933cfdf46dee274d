namespace AutoResearch.Pretraining;

/// <summary>Reads a folder of text files into a corpus.</summary>
internal static class TextFolderSource
{
    private const int SectionsOfSmallCorpus = 40;

    private readonly record struct Piece(int File, byte[] Content, Range Range)
    {
        public ReadOnlySpan<byte> Text => Content.AsSpan(Range);
    }

    /// <summary>
    /// All files below the folder, names with forward slashes, in ordinal order; hidden names and linked folders are left out.
    /// </summary>
    public static List<(string Name, string Path)> Find(string directory, FileProblems problems)
    {
        var files = new List<(string Name, string Path)>();
        var folders = new Stack<string>([directory]);
        while (folders.TryPop(out var folder))
        {
            try
            {
                foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos("*",
                    new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false }))
                {
                    if (entry.Name.StartsWith('.')) continue;
                    var name = Path.GetRelativePath(directory, entry.FullName).Replace('\\', '/');
                    if (entry is FileInfo) files.Add((name, entry.FullName));
                    else if (entry.LinkTarget is null) folders.Push(entry.FullName);
                    else problems.Add(name, "a link to a folder, not followed");
                }
            }
            catch (Exception e) when (folder != directory && e is IOException or UnauthorizedAccessException)
            {
                problems.Add(Path.GetRelativePath(directory, folder), $"could not be read: {e.Message}");
            }
        }

        files.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return files;
    }

    public static Corpus Read(
        string directory,
        List<(string Name, string Path)> files,
        FileProblems problems,
        CorpusOptions options,
        IProgress<DataProgress>? progress,
        CancellationToken cancellationToken)
    {
        var pieces = new List<Piece>();
        int read = 0, overLimit = 0;
        var total = 0L;
        for (var i = 0; i < files.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new("Reading documents", i / (double)files.Count));
            if (total >= options.MaximumBytes)
            {
                overLimit++;
                continue;
            }

            if (ReadText(files[i], problems) is not { } text) continue;
            read++;
            total += text.Length;
            foreach (var range in TextDocumentCutter.Cut(text, options.MaximumDocumentBytes)) pieces.Add(new(i, text, range));
        }

        if (overLimit > 0)
            problems.Add($"{overLimit} files", $"left out: the first files reach the limit of {options.MaximumBytes:N0} bytes");
        if (pieces.Count == 0) throw Nothing(directory, files.Count, problems);

        var (builder, unit, group) = ChooseSplit(files, pieces, options);
        for (var i = 0; i < pieces.Count; i++) builder.Add(group(i), pieces[i].Text);
        return builder.Build(new()
        {
            Source = $"folder {directory}",
            Files = read,
            ProblemFiles = problems.Count,
            Problems = problems.First,
            SplitUnit = unit,
        });
    }

    private static byte[]? ReadText((string Name, string Path) file, FileProblems problems)
    {
        try
        {
            var content = File.ReadAllBytes(file.Path);
            if (content.Length == 0)
            {
                problems.Add(file.Name, "empty");
                return null;
            }

            var text = TextDocumentCutter.Decode(content, out var problem);
            if (problem is not null) problems.Add(file.Name, problem);
            return text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(file.Name, $"could not be read: {e.Message}");
            return null;
        }
    }

    // Whole files where that gives splits of about the size asked for; a folder of few files (one book, say) is divided into
    // contiguous sections instead.
    private static (CorpusBuilder Builder, string Unit, Func<int, string> Group) ChooseSplit(
        List<(string Name, string Path)> files, List<Piece> pieces, CorpusOptions options)
    {
        var bytes = new double[3];
        foreach (var piece in pieces) bytes[(int)CorpusBuilder.SplitOf(files[piece.File].Name, options)] += piece.Text.Length;
        var total = bytes.Sum();
        if (Near(bytes[(int)CorpusSplit.Validation] / total, options.ValidationFraction)
            && Near(bytes[(int)CorpusSplit.Audit] / total, options.AuditFraction))
        {
            return (new(options), "file", i => files[pieces[i].File].Name);
        }

        var sectionLength = Math.Max(1, (pieces.Count + SectionsOfSmallCorpus - 1) / SectionsOfSmallCorpus);
        string Group(int i) => $"section {i / sectionLength}";
        var splits = SplitsOfSections((pieces.Count + sectionLength - 1) / sectionLength, options);
        return (new(group => splits[group]), "section of a file", Group);
    }

    private static bool Near(double share, double wanted) => share >= wanted / 3 && share <= Math.Max(wanted * 3, 0.01);

    // The right number of sections for each split, at least one where there are enough, drawn by hash.
    private static Dictionary<string, CorpusSplit> SplitsOfSections(int count, CorpusOptions options)
    {
        var validation = count < 2 ? 0 : Math.Max(1, (int)Math.Round(count * options.ValidationFraction));
        var audit = count < 3 || options.AuditFraction == 0 ? 0 : Math.Max(1, (int)Math.Round(count * options.AuditFraction));
        return Enumerable.Range(0, count).Select(i => $"section {i}").OrderBy(CorpusBuilder.Place)
            .Select((name, i) => (name,
                split: i < validation ? CorpusSplit.Validation : i < validation + audit ? CorpusSplit.Audit : CorpusSplit.Train))
            .ToDictionary(s => s.name, s => s.split, StringComparer.Ordinal);
    }

    private static CorpusException Nothing(string directory, int files, FileProblems problems)
    {
        if (files == 0 && problems.Count == 0)
            return new($"The folder '{directory}' has no files. Put text files (UTF-8) into it or below it.");
        var reasons = string.Join("; ", problems.First.Take(5).Select(p => $"{p.Path}: {p.Reason}"));
        return new($"The folder '{directory}' has {files} files but no text that can be used. {reasons}");
    }
}
