namespace AutoResearch.Adversarial.Tests;

/// <summary>What the machine must have.</summary>
internal static class Requirements
{
    public static void Check(Adversary adversary)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The adversaries are for Linux.");
        Assert.SkipUnless(adversary.Python is null || File.Exists("/usr/bin/python3"), "needs /usr/bin/python3");
    }

    /// <summary>Text for test reports, which are XML.</summary>
    public static string Printable(string text) =>
        string.Concat(text.Select(c => c is '\n' or (>= ' ' and < '\u007F') ? c : '?'));

    public static string FileOfRepository(string path)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, path))) return Path.Combine(directory.FullName, path);
        }

        throw new FileNotFoundException($"There is no {path} above {AppContext.BaseDirectory}.");
    }
}
