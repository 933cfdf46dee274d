using System.Diagnostics;
using System.Globalization;

namespace AutoResearch.Tests;

/// <summary>The rule of .editorconfig that no analyzer holds: how long a line of the sources may be.</summary>
public sealed class LineLengthTests
{
    private const string Key = "max_line_length = ";

    private static readonly string[] s_sources = ["*.cs", "*.cu", "*.cuh", "*.h", "*.c", "*.cpp", "*.py"];

    private static readonly string? s_root = Root(AppContext.BaseDirectory);

    [Fact]
    public void Sources_LongestLine_IsAllowedByTheEditorConfig()
    {
        Assert.SkipWhen(s_root is null, "needs a checkout of the repository");
        var files = Sources(s_root);
        Assert.NotEmpty(files);
        var limit = File.ReadLines(Path.Combine(s_root, ".editorconfig"))
            .Single(l => l.StartsWith(Key, StringComparison.Ordinal));
        var most = int.Parse(limit.AsSpan(Key.Length), CultureInfo.InvariantCulture);

        Assert.Empty(files.SelectMany(f => TooLong(f, most)));
    }

    private static IEnumerable<string> TooLong(string file, int most) => File.ReadLines(Path.Combine(s_root!, file))
        .Select((line, i) => (line.Length, Number: i + 1)).Where(l => l.Length > most)
        .Select(l => $"{file}, line {l.Number}: {l.Length} characters, {most} are allowed");

    private static string[] Sources(string root)
    {
        using var git = Process.Start(new ProcessStartInfo("git", ["-C", root, "ls-files", "-z", "--", .. s_sources])
        {
            RedirectStandardOutput = true,
        })!;
        var names = git.StandardOutput.ReadToEnd().Split('\0', StringSplitOptions.RemoveEmptyEntries);
        git.WaitForExit();
        return [.. names.Where(name => File.Exists(Path.Combine(root, name)))];
    }

    private static string? Root(string? directory) => directory is null || Path.Exists(Path.Combine(directory, ".git"))
        ? directory
        : Root(Path.GetDirectoryName(directory));
}
