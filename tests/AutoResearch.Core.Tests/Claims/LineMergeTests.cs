namespace AutoResearch.Tests;

public sealed class LineMergeTests
{
    [Theory]
    [InlineData("a\nb\nc\nd", "A\nb\nc\nd", "a\nb\nc\nD", "A\nb\nc\nD")]
    [InlineData("a\nb\nc", "a\nc", "a\nb\nc\nd", "a\nc\nd")]
    [InlineData("a\nb\nc", "a\nb\nx\nc", "a\nb\nc", "a\nb\nx\nc")]
    [InlineData("a\nb\nc", "a\nX\nc", "a\nX\nc", "a\nX\nc")]
    [InlineData("a\nb\nc", "a\nX\nc", "a\nY\nc", null)]
    [InlineData("a\nb\nc\nd\ne", "a\nB\nc\nd\ne", "a\nb\nC\nd\ne", null)] // neighbouring lines: nobody can say
    [InlineData(null, null, "new", "new")]
    [InlineData("old", null, "old", null)]
    [InlineData("", "x", "", "x")]
    public void TryMerge_TwoChanges_BothOrAConflict(string? origin, string? ours, string? theirs, string? expected)
    {
        var merged = LineMerge.TryMerge(origin, ours, theirs, out var text);
        Assert.Equal(expected is not null || (ours is null && origin == theirs), merged);
        if (merged) Assert.Equal(expected, text);
    }

    [Fact]
    public void TryMerge_FileDeletedAndChanged_IsAConflict() => Assert.False(LineMerge.TryMerge("a", null, "b", out _));

    [Fact]
    public void TryMerge_ChangesFarApart_AreBothThereWhateverTheOrder()
    {
        var random = new Random(3);
        for (var n = 0; n < 200; n++)
        {
            string[] lines = [.. Enumerable.Range(0, 30)
                .Select(_ => random.Next(5).ToString(System.Globalization.CultureInfo.InvariantCulture))];
            string[] first = [.. lines], second = [.. lines];
            first[random.Next(0, 8)] = "ours";
            second[random.Next(20, 28)] = "theirs";
            string[] both = [.. first.Take(14), .. second.Skip(14)];
            Assert.True(
                LineMerge.TryMerge(string.Join('\n', lines), string.Join('\n', first), string.Join('\n', second), out var text));
            Assert.Equal(string.Join('\n', both), text);
            Assert.True(
                LineMerge.TryMerge(string.Join('\n', lines), string.Join('\n', second), string.Join('\n', first), out text));
            Assert.Equal(string.Join('\n', both), text);
        }
    }
}
