namespace AutoResearch.Tests;

public sealed class EditableSurfaceTests
{
    [Theory]
    [InlineData("train.py", "train.py", true)]
    [InlineData("train.py", "Train.py", false)]
    [InlineData("train.py", "src/train.py", false)]
    [InlineData("train.py", "trainxpy", false)]
    [InlineData("*.py", "a.py", true)]
    [InlineData("*.py", "a/b.py", false)]
    [InlineData("src/**/*.cs", "src/a.cs", true)]
    [InlineData("src/**/*.cs", "src/a/b/c.cs", true)]
    [InlineData("src/**/*.cs", "srcs/a.cs", false)]
    [InlineData("src/**", "src/a/b", true)]
    [InlineData("**", ".git/config", false)]
    [InlineData("**", "sub/.GIT/hooks/x", false)]
    [InlineData("?.py", "ab.py", false)]
    public void Allows_Glob_MatchesAsDocumented(string glob, string path, bool allowed) =>
        Assert.Equal(allowed, new EditableSurface([glob]).Allows(path));

    [Fact]
    public void Violation_ForbiddenDifference_NamesFileAndGlobs()
    {
        var surface = new EditableSurface(["train.py"]);
        var before = new SourceTree([new("train.py", "a"), new("prepare.py", "b")]);

        Assert.Null(surface.Violation(before, new SourceTree([new("train.py", "z"), new("prepare.py", "b")])));
        Assert.Contains("'prepare.py' may not be edited; editable is: train.py",
            surface.Violation(before, new SourceTree([new("train.py", "a")])), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("")]
    public void Constructor_GlobOutside_Throws(string glob) =>
        Assert.Throws<ArgumentException>(() => new EditableSurface([glob]));
}
