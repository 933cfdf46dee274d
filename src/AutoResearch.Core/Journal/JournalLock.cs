using System.Text;

namespace AutoResearch;

/// <summary>
/// One writer a directory. The operating system holds the lock, so it goes with the process however that ends; who holds
/// it stands in a file beside it, because nobody can read a locked file.
/// </summary>
internal sealed class JournalLock : IDisposable
{
    private readonly FileStream _file;
    private readonly string _ownerPath;

    private JournalLock(FileStream file, string ownerPath) => (_file, _ownerPath) = (file, ownerPath);

    public static JournalLock Take(string directory)
    {
        var path = Path.Combine(directory, "journal.lock");
        var ownerPath = Path.Combine(directory, "journal.owner");
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new JournalLockedException(
                $"The directory '{directory}' is in use by {Owner(ownerPath)}. Only one loop may write to a journal: wait for it, "
                + "stop it, or record to another directory.", e);
        }
        Note(ownerPath);
        return new(file, ownerPath);
    }

    public void Dispose()
    {
        // The lock file itself stays: deleting it would let two processes lock two different files of the same name.
        try
        {
            File.Delete(_ownerPath);
        }
        catch (IOException) { }
        catch (UnauthorizedAccessException) { }
        _file.Dispose();
    }

    private static void Note(string ownerPath)
    {
        try
        {
            File.WriteAllText(ownerPath, FormattableString.Invariant(
                $"process {Environment.ProcessId} ({Path.GetFileName(Environment.ProcessPath)}) on {Environment.MachineName}"), Encoding.UTF8);
        }
        catch (IOException) { } // only a courtesy to the next reader; a full disk is reported when it matters
    }

    private static string Owner(string ownerPath)
    {
        try
        {
            return File.ReadAllText(ownerPath).Trim() is { Length: > 0 } text ? text : "another process";
        }
        catch (IOException)
        {
            return "another process";
        }
    }
}
