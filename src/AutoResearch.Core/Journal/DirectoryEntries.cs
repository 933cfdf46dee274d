using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Forces the names in a directory to the disk: a file that was just created can otherwise be missing after a power cut, with all
/// that was flushed into it.
/// </summary>
internal static class DirectoryEntries
{
    /// <summary>Flushes a directory; does nothing on Windows, where the file system does so by itself.</summary>
    /// <exception cref="IOException">The directory cannot be opened or flushed.</exception>
    public static void Flush(string directory)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Open(Encoding.UTF8.GetBytes(directory + "\0"), 0);
        if (descriptor < 0) throw Failure(directory);
        try
        {
            const int notSupported = 22; // some network file systems have no such thing
            if (FSync(descriptor) != 0 && Marshal.GetLastPInvokeError() != notSupported) throw Failure(directory);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string directory) =>
        new($"The directory '{directory}' could not be flushed to the disk: {Marshal.GetLastPInvokeErrorMessage()}");

#pragma warning disable SYSLIB1054 // blittable arguments need no generated marshalling, and the project no unsafe code
    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int FSync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
#pragma warning restore SYSLIB1054
}
