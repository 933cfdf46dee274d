using System.Xml;
using System.Xml.Linq;
using AutoResearch.Tests;
using FsCheck.Fluent;

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
            Assert.True(
                html.Contains(title, StringComparison.Ordinal) || html.Contains(trial.Hypothesis.Title, StringComparison.Ordinal),
                trial.Hypothesis.Title);
            Assert.Contains($"| {trial.Number} |", markdown, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("src=\"http", html, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void ToSvg_AnyHistory_StaysInsideThePicture() => Prop.ForAll(
        Gen.Choose(0, 150).ToArbitrary(), Gen.Choose(0, 1_000_000).ToArbitrary(), Gen.Elements(true, false).ToArbitrary(),
        (trials, seed, minimize) =>
        {
            var problem = minimize
                ? SampleHistory.Problem
                : SampleHistory.Problem with { Objective = Objective.Maximize("accuracy") };
            var history = ResearchHistory.Of(SampleHistory.Events(trials, seed, problem: problem));
            var svg = XDocument.Parse(new ProgressChart(history).ToSvg());
            XNamespace ns = "http://www.w3.org/2000/svg";

            foreach (var (x, y) in svg.Descendants()
                .SelectMany(e => new[] { (e.Attribute("x"), e.Attribute("y")), (e.Attribute("cx"), e.Attribute("cy")) })
                .Where(p => p.Item1 is not null).Select(p => ((double)p.Item1!, (double)p.Item2!)))
            {
                Assert.InRange(x, 0, 1000);
                Assert.InRange(y, 0, 460);
            }
            var dots = svg.Descendants(ns + "circle")
                .Select(c => (X: (double)c.Attribute("cx")!, Y: (double)c.Attribute("cy")!)).ToArray();
            foreach (var label in svg.Descendants(ns + "text").Where(t => (string?)t.Attribute("class") == "l"))
            {
                var (x, y, end) = ((double)label.Attribute("x")!, (double)label.Attribute("y")!,
                    (double)label.Attribute("x")! + 6.3 * label.Value.Length);
                Assert.InRange(end, x, 1000);
                Assert.DoesNotContain(dots, d => d.X > x && d.X < end && d.Y > y - 9 && d.Y < y + 2);
            }
        }).Verify(60);

    [Fact]
    public void ToSvg_FailuresAndOutliers_DoNotCoverEachOther()
    {
        var svg = XDocument.Parse(new ProgressChart(SampleHistory.Of(trials: 120)).ToSvg());
        XNamespace ns = "http://www.w3.org/2000/svg";
        double[] Heights(string kind) => [.. svg.Descendants(ns + "path").Where(p => (string?)p.Attribute("class") == kind)
            .Select(p => double.Parse(((string)p.Attribute("d")!)[1..].Split(' ', 'l', 'm')[1],
                System.Globalization.CultureInfo.InvariantCulture))];

        var (failed, clipped) = (Heights("x"), Heights("c"));

        Assert.NotEmpty(failed);
        Assert.NotEmpty(clipped);
        Assert.True(clipped.Min() - 6 > failed.Max() + 8, $"× to {failed.Max() + 8}, △ from {clipped.Min() - 6}");
    }

    [Fact]
    public void ToHtml_HostileTitle_IsText()
    {
        const string Attack = "<script>alert(1)</script><img src=x onerror=y>";
        var problem = SampleHistory.Problem;
        var hypothesis = new Hypothesis
        {
            ParentId = problem.Baseline.Id,
            Change = ParameterChange.Of(("depth", 5)),
            Title = Attack,
            Rationale = Attack,
        };
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
        Assert.DoesNotContain("Confirmed gain", new ResearchReport(SampleHistory.Of(measure: false)).Headline,
            StringComparison.Ordinal);
        Assert.NotEmpty(new ResearchReport(new ResearchHistory()).ToHtml());
    }

    [Fact]
    public async Task WriteAsync_Directory_HasTheWholeReport()
    {
        var directory = Directory.CreateTempSubdirectory("report-").FullName;
        try
        {
            await new ResearchReport(SampleHistory.Of()).WriteAsync(directory, TestContext.Current.CancellationToken);
            Assert.All((string[])["report.html", "report.md", "progress.svg"],
                name => Assert.True(new FileInfo(Path.Combine(directory, name)).Length > 500, name));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
