using AutoResearch.Samples;

namespace AutoResearch.Providers.Tests;

/// <summary>What the samples' command lines share.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("autoresearch-options-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("8", 8)]
    [InlineData("8s", 8)]
    [InlineData("1.5m", 90)]
    [InlineData("2h", 7200)]
    public void Duration_WithOrWithoutUnit_IsRead(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), CommandLine.Duration("--budget", text));

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("1d")]
    [InlineData("1e9h")]
    [InlineData("nan")]
    public void Duration_ThatIsNone_NamesOptionAndValue(string text) =>
        Assert.Contains($"--budget is '{text}'",
            Assert.Throws<ArgumentException>(() => CommandLine.Duration("--budget", text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Numbers_OutsideTheirRange_AreRefused()
    {
        Assert.Equal((3, 0.5), (CommandLine.Whole("--n", "3", 3), CommandLine.Number("--m", "0.5", 0)));
        foreach (var wrong in (string[])["2", "3.5", "x", "-4"])
            Assert.Throws<ArgumentException>(() => CommandLine.Whole("--n", wrong, 3));
        foreach (var wrong in (string[])["0.05", "1e30", "nan", ""])
            Assert.Throws<ArgumentException>(() => CommandLine.Number("--m", wrong, 0.1));
    }

    [Fact]
    public void Load_WhatWasSaved_IsTheSame()
    {
        var options = new Settings(7, TimeSpan.FromSeconds(90), null);
        var directory = Path.Combine(_directory, "new");
        CommandLine.Save(options, directory);
        Assert.Equal(options, CommandLine.Load<Settings>(directory));
        Assert.Contains("nothing to resume",
            Assert.Throws<ArgumentException>(() => CommandLine.Load<Settings>(_directory)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_HelpOrMistake_EndsTheProgram()
    {
        static Settings? Parse(IReadOnlyList<string> args) => args.Count > 0 ? new(args.Count, default, args[0]) : null;
        static Settings? Refuse(IReadOnlyList<string> args) => throw new ArgumentException("no such option");
        Assert.True(CommandLine.TryRead(["a"], Parse, "help", out var options, out _));
        Assert.Equal("a", options.Text);
        Assert.False(CommandLine.TryRead([], Parse, "help", out _, out var exitCode));
        Assert.Equal(0, exitCode);
        Assert.False(CommandLine.TryRead([], Refuse, "help", out _, out exitCode));
        Assert.Equal(2, exitCode);
    }

    private sealed record Settings(int Count, TimeSpan Time, string? Text);
}
