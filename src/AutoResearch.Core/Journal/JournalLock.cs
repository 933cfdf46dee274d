namespace AutoResearch;

/// <summary>One writer a directory.</summary>
internal static class JournalLock
{
    /// <exception cref="JournalLockedException">Another loop writes to the directory; the message names its process.</exception>
    public static FileLock Take(string directory)
    {
        var ownerPath = Path.Combine(directory, "journal.owner");
        return FileLock.TryTake(Path.Combine(directory, "journal.lock"), ownerPath) ?? throw new JournalLockedException(
            $"The directory '{directory}' is in use by {FileLock.Owner(ownerPath)}. Only one loop may write to a journal: "
            + "wait for it, stop it, or record to another directory.");
    }
}
