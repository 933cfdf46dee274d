namespace AutoResearch.Core.Tests.Proposing;

public sealed class CompositeProposerTests
{
    private static readonly Candidate s_baseline = Candidate.Of(("x", 0));

    private static readonly ResearchProblem s_problem =
        new("test") { Objective = Objective.Minimize("loss"), Baseline = s_baseline };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ProposeAsync_OneArmGains_IsAskedMoreAndTheOtherIsNotForgotten()
    {
        var composite = new CompositeProposer(("dull", Always("a")), ("bright", Always("b")));
        var trials = new List<Trial>();
        for (var n = 1; n <= 60; n++)
        {
            var hypothesis = (await composite.ProposeAsync(State(trials), Token))!;
            trials.Add(Ended(n, hypothesis, gain: hypothesis.Proposer == "bright" ? 0.5 : null));
        }
        var bright = trials.Count(t => t.Hypothesis.Proposer == "bright");
        Assert.InRange(bright, 40, 56);
    }

    [Fact]
    public async Task ProposeAsync_OneArmIsExpensive_TheCheapOneIsAskedMore()
    {
        var composite = new CompositeProposer(("cheap", Always("a")), ("dear", Always("b")));
        var trials = new List<Trial>();
        for (var n = 1; n <= 60; n++)
        {
            var hypothesis = (await composite.ProposeAsync(State(trials), Token))!;
            trials.Add(Ended(n, hypothesis, gain: 0.5, seconds: hypothesis.Proposer == "dear" ? 100 : 1));
        }
        Assert.True(trials.Count(t => t.Hypothesis.Proposer == "cheap") > 40);
    }

    [Fact]
    public async Task ProposeAsync_ArmIsExhausted_IsPassedOver()
    {
        var nothing = new DelegateProposer(_ => null);
        Assert.Equal("b",
            (await new CompositeProposer(("a", nothing), ("b", Always("x"))).ProposeAsync(State([]), Token))!.Proposer);
        Assert.Null(await new CompositeProposer(("a", nothing), ("b", nothing)).ProposeAsync(State([]), Token));
    }

    [Fact]
    public void Constructor_NoneOrTwice_Throws()
    {
        Assert.Throws<ArgumentException>(() => new CompositeProposer());
        Assert.Throws<ArgumentException>(() => new CompositeProposer(("a", Always("x")), ("a", Always("y"))));
    }

    [Fact]
    public async Task Queue_ChangesInOrder_ThenTheNextProposer()
    {
        var queue = new QueueProposer([("one", ParameterChange.Of(("x", 1))), ("two", ParameterChange.Of(("x", 2)))],
            then: Always("after"));
        var trials = new List<Trial>();
        var titles = new List<string>();
        for (var n = 1; n <= 4; n++)
        {
            var hypothesis = (await queue.ProposeAsync(State(trials), Token))!;
            titles.Add(hypothesis.Title);
            trials.Add(Ended(n, hypothesis, null));
        }
        Assert.Equal(["one", "two", "after", "after"], titles);
        Assert.Null(await new QueueProposer([]).ProposeAsync(State([]), Token));
    }

    private static DelegateProposer Always(string title) => new(state => new Hypothesis
    {
        ParentId = state.Incumbent.Candidate.Id,
        Change = ParameterChange.Of(("x", state.NextTrial)),
        Title = title,
    });

    private static ResearchState State(List<Trial> trials) =>
        new(s_problem, new() { Candidate = s_baseline, Runs = [] }, [.. trials], 1);

    private static Trial Ended(int number, Hypothesis hypothesis, double? gain, double seconds = 1)
    {
        var candidate = s_baseline.Apply(hypothesis.Change);
        var result = RunResult.Complete(new Dictionary<string, double> { ["loss"] = 1 }) with
        {
            Usage = new() { WallTime = TimeSpan.FromSeconds(seconds) },
        };
        return new()
        {
            Number = number,
            Hypothesis = hypothesis,
            Candidate = candidate,
            Runs = [new(new() { Id = $"e{number}", Candidate = candidate, Seed = 0, Budget = Budget.Unlimited }, result)],
            Verdict = gain is { } g
                ? new Accept { Reason = "test", Statistics = new Dictionary<string, double> { ["gain"] = g } }
                : new Reject { Reason = "test" },
        };
    }
}
