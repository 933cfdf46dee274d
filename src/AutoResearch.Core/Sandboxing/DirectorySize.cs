namespace AutoResearch;

/// <summary>How much stands below a directory. Links are not followed, and what cannot be read is left out.</summary>
internal static class DirectorySize
{
    private static readonly EnumerationOptions s_options = new() { AttributesToSkip = 0, IgnoreInaccessible = true };

    /// <summary>Bytes and number of entries; counting ends once there are more entries than <paramref name="most"/>.</summary>
    public static (long Bytes, int Entries) Of(IEnumerable<string> directories, int most)
    {
        var (bytes, entries) = (0L, 0);
        var open = new Stack<DirectoryInfo>(directories.Select(d => new DirectoryInfo(d)));
        while (open.TryPop(out var directory))
        {
            try
            {
                foreach (var entry in directory.EnumerateFileSystemInfos("*", s_options))
                {
                    if (++entries > most) return (bytes, entries);
                    bytes += Size(entry, open);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // it has gone meanwhile, or its path is too long to be followed
            }
        }

        return (bytes, entries);
    }

    private static long Size(FileSystemInfo entry, Stack<DirectoryInfo> open)
    {
        try
        {
            if (entry.LinkTarget is not null) return 0;
            if (entry is FileInfo file) return file.Length;
            open.Push((DirectoryInfo)entry);
        }
        catch (IOException)
        {
            // its name is no text, or it has gone meanwhile: the others still count
        }

        return 0;
    }
}
