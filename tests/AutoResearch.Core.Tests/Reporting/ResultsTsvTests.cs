using AutoResearch.Tests;

namespace AutoResearch.Core.Tests.Reporting;

public sealed class ResultsTsvTests
{
    [Fact]
    public void Parse_WhatWasWritten_IsTheSame()
    {
        var table = ResultsTsv.Of(SampleHistory.Of(trials: 40));

        var read = ResultsTsv.Parse(table.ToString());

        Assert.Equal(table.Metric, read.Metric);
        Assert.Equal(table.Rows.Count, read.Rows.Count);
        Assert.All(table.Rows.Zip(read.Rows), pair =>
        {
            Assert.Equal(pair.First.Score, pair.Second.Score, 6);
            Assert.Equal((pair.First.Commit, pair.First.Status, pair.First.Description),
                (pair.Second.Commit, pair.Second.Status, pair.Second.Description));
        });
    }

    [Fact]
    public void Of_History_HasAutoresearchsFormat()
    {
        var history = SampleHistory.Of(trials: 40);

        var lines = ResultsTsv.Of(history).ToString().TrimEnd('\n').Split('\n');

        Assert.Equal("commit\tval_bpb\tmemory_gb\tstatus\tdescription", lines[0]);
        Assert.StartsWith(history.Problem.Baseline.Id[..7] + "\t", lines[1], StringComparison.Ordinal);
        Assert.All(lines.Skip(1),
            line => Assert.Matches(@"^[0-9a-f]{7}\t\d+\.\d{6}\t\d+\.\d\t(keep|discard|crash)\t[^\t]+$", line));
        Assert.Equal(history.Trials.Count(t => t.Verdict is Accept) + 1,
            lines.Count(l => l.Contains("\tkeep\t", StringComparison.Ordinal)));
        Assert.Contains(lines, l => l.Contains("\t0.000000\t0.0\tcrash\t", StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_AutoresearchsExample_MakesAHistoryWithItsKeeps()
    {
        const string Text = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\r\na1b2c3d\t0.997900\t44.0\tkeep\tbaseline\r\n"
            + "b2c3d4e\t0.993200\t44.2\tkeep\tincrease LR to 0.04\r\nc3d4e5f\t1.005000\t44.0\tdiscard\tswitch to GeLU "
            + "activation\r\nd4e5f6g\t0.000000\t0.0\tcrash\tdouble model width (OOM)\r\n";

        var table = ResultsTsv.Parse(Text);
        var history = table.ToHistory("imported");

        Assert.Equal(4, table.Rows.Count);
        Assert.Equal(3, history.Trials.Count);
        Assert.Equal(1, history.State.Incumbent.Version);
        Assert.Null(history.Trials[2].Runs[0].Result.Score(history.Problem.Objective));
        Assert.Contains("increase LR to 0.04", new ResearchReport(history).ToHtml(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x\ty\n", "line 1")]
    [InlineData("commit\tval_bpb\tmemory_gb\tstatus\tdescription\na\tmuch\t1.0\tkeep\tb\n", "line 2")]
    public void Parse_SomethingElse_NamesTheLine(string text, string line)
    {
        var e = Assert.Throws<InvalidDataException>(() => ResultsTsv.Parse(text, "my.tsv"));
        Assert.Contains(line, e.Message, StringComparison.Ordinal);
        Assert.Contains("my.tsv", e.Message, StringComparison.Ordinal);
    }
}
