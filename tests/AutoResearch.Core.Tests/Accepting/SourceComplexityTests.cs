namespace AutoResearch.Tests;

public sealed class SourceComplexityTests
{
    [Fact]
    public void Of_Candidate_LinesOfCodeOfAllFilesAndParameters()
    {
        var source =
            new SourceTree([new("train.py", "# a comment\n\nx = 1\ny = 2\n"), new("lib.py", "def f():\n    return 3\n\n")]);
        Assert.Equal(4, SourceComplexity.Lines(source));
        Assert.Equal(6, SourceComplexity.Of(new() { Source = source, Parameters = ParameterSet.Of(("depth", 4), ("lr", 0.1)) }));
        Assert.Equal(0, SourceComplexity.Lines(null));
    }
}
