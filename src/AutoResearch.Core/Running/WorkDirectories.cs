using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.Versioning;

namespace AutoResearch;

/// <summary>
/// Directories that programs work in: made so that no other user can enter, and removed whatever a program has done to them. What
/// was made unreadable is made readable first, links are not followed, and where paths are too long or names are no
/// text, <c>rm</c> does it.
/// </summary>
internal static class WorkDirectories
{
    public static void Remove(string directory)
    {
        for (var attempt = 1; Directory.Exists(directory); attempt++)
        {
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Left to the next opening of the workspace, or to the system's cleaning of temporary files
                if (attempt == 3) return;
                if (OperatingSystem.IsWindows()) continue;
                if (attempt == 1) MakeWritable(directory);
                else RemoveBySystem(directory);
            }
        }
    }

    /// <summary>A directory for temporary files of one user: others cannot enter it, so each needs an own one.</summary>
    public static string Temporary(string name) => Path.Combine(Path.GetTempPath(), $"{name}-{Environment.UserName}");

    /// <summary>
    /// Makes a directory that other users cannot enter: a program may make anything of what is in it, set-uid files too.
    /// </summary>
    public static void CreatePrivate(string directory)
    {
        if (Directory.Exists(directory)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(directory);
        else Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static void RemoveBySystem(string directory)
    {
        try
        {
            using var process =
                Process.Start(new ProcessStartInfo("/bin/rm", ["-rf", "--", directory]) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            // there is none
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static void MakeWritable(string directory)
    {
        try
        {
            File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            foreach (var child in new DirectoryInfo(directory).EnumerateDirectories())
            {
                if (child.LinkTarget is null) MakeWritable(child.FullName);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // deleted as far as it goes
        }
    }
}
