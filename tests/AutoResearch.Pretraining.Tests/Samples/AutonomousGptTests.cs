using AutoResearch.Samples.AutonomousGpt;

namespace AutoResearch.Pretraining.Tests;

/// <summary>
/// The scripted researcher of the sample: its edits fit the file that they are made for, and each is proposed once.
/// </summary>
public sealed class AutonomousGptTests
{
    private static readonly string s_source = Source();

    private static ResearchProblem Problem { get; } = new("gpt")
    {
        Objective = Objective.Minimize("val_bpb"),
        Baseline = new() { Source = new SourceTree([new("train.cs", s_source)]) },
        Editable = ["train.cs"],
    };

    [Fact]
    public async Task Ideas_OneAfterAnother_AreAllProposedAndFitTheBaseline()
    {
        var proposer = new ChatProposer(ScriptedResearcher.Create(), new() { IsTransient = _ => false });
        var trials = new List<Trial>();
        foreach (var idea in ScriptedResearcher.Ideas)
        {
            var state = new ResearchState(Problem, new Incumbent { Candidate = Problem.Baseline, Runs = [] }, [.. trials], 1);
            var hypothesis = (await proposer.ProposeAsync(state, TestContext.Current.CancellationToken))!;
            Assert.Equal(idea.Title, hypothesis.Title);
            var candidate = default(Candidate);
            if (idea.Path == "train.cs") candidate = hypothesis.Change.ApplyTo(Problem.Baseline);
            else Assert.Contains("may not be edited", Assert.IsType<InvalidChange>(hypothesis.Change).Reason,
                StringComparison.Ordinal);
            trials.Add(new()
            {
                Number = trials.Count + 1,
                Hypothesis = hypothesis,
                Candidate = candidate,
                Verdict = new Reject { Reason = "a test" },
            });
        }

        Assert.InRange(trials.Count, 12, 30);
    }

    private static string Source()
    {
        using var stream = typeof(AutonomousGptTests).Assembly.GetManifestResourceStream("train.cs")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
