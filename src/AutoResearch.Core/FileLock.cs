using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>
/// A lock between processes. The operating system holds it, so it goes with the process however that ends; who holds it stands in
/// a file beside it, because nobody can read a locked file. The lock file stays: deleting it would let two processes lock
/// two files of one name.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private readonly FileStream _file;
    private readonly string? _ownerPath;

    private FileLock(FileStream file, string? ownerPath) => (_file, _ownerPath) = (file, ownerPath);

    /// <summary>Takes the lock; null when somebody has it, in this process or another.</summary>
    /// <param name="path">The file to lock; it is made if it does not exist.</param>
    /// <param name="ownerPath">Where to write who holds it; null for nowhere.</param>
    /// <param name="note">More about the owner, e.g. ", since noon".</param>
    /// <exception cref="IOException">The file cannot be opened for another reason.</exception>
    public static FileLock? TryTake(string path, string? ownerPath = null, string note = "")
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
        Note(ownerPath, note);
        return new(file, ownerPath);
    }

    /// <summary>Who holds a lock, as far as it is known.</summary>
    public static string Owner(string ownerPath)
    {
        try
        {
            return File.ReadAllText(ownerPath).Trim() is { Length: > 0 } text ? text : "another process";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process";
        }
    }

    public void Dispose()
    {
        try
        {
            if (_ownerPath is not null) File.Delete(_ownerPath);
        }
        catch (IOException) { }
        catch (UnauthorizedAccessException) { }
        _file.Dispose();
    }

    // Windows: ERROR_SHARING_VIOLATION; Linux and macOS: EWOULDBLOCK, as .NET passes it on.
    private static bool IsHeld(IOException e) => OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) == 32 : e.HResult is 11 or 35;

    private static void Note(string? ownerPath, string note)
    {
        if (ownerPath is null) return;
        try
        {
            File.WriteAllText(ownerPath, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} "
                + $"({Path.GetFileName(Environment.ProcessPath)}) on {Environment.MachineName}{note}"), Encoding.UTF8);
        }
        catch (IOException) { } // only a courtesy to the next reader; a full disk is reported when it matters
    }
}
