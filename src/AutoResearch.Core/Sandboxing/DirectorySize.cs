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
                    if (entry.LinkTarget is not null) continue;
                    if (entry is DirectoryInfo folder) open.Push(folder);
                    else bytes += ((FileInfo)entry).Length;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // it has gone meanwhile, or its path is too long to be followed
            }
        }

        return (bytes, entries);
    }
}
