using System.Xml;
using AutoResearch.Tests;

namespace AutoResearch.Core.Tests.Reporting;

public sealed class ResearchReportTests
{
    [Theory]
    [InlineData(12, false)]
    [InlineData(300, false)]
    [InlineData(15, true)]
    [InlineData(0, false)]
    public void ToSvg_AnyHistory_IsWellFormed(int trials, bool onlyFailures)
    {
        var svg = new ProgressChart(SampleHistory.Of(trials, onlyFailures: onlyFailures)).ToSvg();

        using var reader = XmlReader.Create(new StringReader(svg));
        while (reader.Read())
        {
        }
        Assert.DoesNotContain("NaN", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", svg, StringComparison.Ordinal);
    }

    [Fact]
    public void ToHtml_EveryTrial_IsListedWithItsReason()
    {
        var history = SampleHistory.Of(trials: 30);
        var (html, markdown) = (new ResearchReport(history).ToHtml(), new ResearchReport(history).ToMarkdown());

        foreach (var trial in history.Trials)
        {
            var title = System.Net.WebUtility.HtmlEncode(trial.Hypothesis.Title);
            Assert.True(html.Contains(title, StringComparison.Ordinal) || html.Contains(trial.Hypothesis.Title, StringComparison.Ordinal), trial.Hypothesis.Title);
            Assert.Contains($"| {trial.Number} |", markdown, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("src=\"http", html, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ToHtml_HostileTitle_IsText()
    {
        const string Attack = "<script>alert(1)</script><img src=x onerror=y>";
        var problem = SampleHistory.Problem;
        var hypothesis = new Hypothesis { ParentId = problem.Baseline.Id, Change = ParameterChange.Of(("depth", 5)), Title = Attack, Rationale = Attack };
        var history = ResearchHistory.Of(
        [
            new LoopStarted(problem, 1),
            new HypothesisProposed(1, hypothesis, problem.Baseline.Apply(hypothesis.Change)),
            new TrialJudged(1, new Reject { Reason = Attack }),
        ]);

        Assert.DoesNotContain("<img", new ResearchReport(history).ToHtml(), StringComparison.Ordinal);
        Assert.DoesNotContain("<script", new ResearchReport(history).ToHtml(), StringComparison.Ordinal);
        Assert.DoesNotContain("<script", new ResearchReport(history).ToMarkdown(), StringComparison.Ordinal);
    }

    [Fact]
    public void Headline_NotMeasuredAgain_ClaimsNothing()
    {
        Assert.Contains("onfirmed gain", new ResearchReport(SampleHistory.Of()).Headline, StringComparison.Ordinal);
        Assert.DoesNotContain("Confirmed gain", new ResearchReport(SampleHistory.Of(measure: false)).Headline, StringComparison.Ordinal);
        Assert.NotEmpty(new ResearchReport(new ResearchHistory()).ToHtml());
    }

    [Fact]
    public async Task WriteAsync_Directory_HasTheWholeReport()
    {
        var directory = Directory.CreateTempSubdirectory("report-").FullName;
        try
        {
            await new ResearchReport(SampleHistory.Of()).WriteAsync(directory, TestContext.Current.CancellationToken);
            Assert.All((string[])["report.html", "report.md", "progress.svg"], name => Assert.True(new FileInfo(Path.Combine(directory, name)).Length > 500, name));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
