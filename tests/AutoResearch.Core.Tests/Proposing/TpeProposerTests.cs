using AutoResearch.Tests;
using FsCheck.Fluent;

namespace AutoResearch.Core.Tests.Proposing;

public sealed class TpeProposerTests
{
    private static readonly SearchSpace s_plane = new SearchSpace().Float("x", -5, 5).Float("y", -5, 5);

    [Fact]
    public void ProposeAsync_AnySpace_StaysInsideAndNeverRepeats() => Prop.ForAll(Spaces.Any.ToArbitrary(),
        Gen.Choose(0, 1000).ToArbitrary(), Gen.Choose(0, 3).ToArbitrary(), (space, seed, changes) =>
        {
            var world = new World(space, seed, p => p.Count,
                new TpeProposer(new() { StartupTrials = 4, Candidates = 8, MaxChanges = changes == 0 ? null : changes }));
            for (var i = 0; i < 15 && world.Step() is { } candidate; i++) Assert.Null(space.Validate(candidate.Parameters));
            Assert.Equal(world.Tried.Count, world.Tried.Distinct().Count());
        }).Verify(maxTest: 60);

    [Fact]
    public void ProposeAsync_SameState_ProposesTheSame()
    {
        var (a, b) = (new World(s_plane, 3, Bowl, new TpeProposer()), new World(s_plane, 3, Bowl, new TpeProposer()));
        for (var i = 0; i < 30; i++) a.Step();
        for (var i = 0; i < 30; i++) b.Step();
        Assert.Equal(a.Tried, b.Tried);

        // A new proposer, as after a resume, knows nothing but the state.
        Assert.Equal(a.Propose(new TpeProposer())!.Change, a.Propose(a.Proposer)!.Change);
    }

    [Fact]
    public void ProposeAsync_FiniteSpace_ProposesEveryPointOnceAndThenNothing()
    {
        var space = new SearchSpace().Int("a", 0, 4).Categorical("b", "x", "y", "z");
        var world = new World(space, 1, p => p["a"].AsInteger(), new TpeProposer());

        for (var i = 1; i < space.Size; i++) Assert.NotNull(world.Step());

        Assert.Null(world.Step());
        Assert.Equal(space.Size, world.Tried.Distinct().Count());
    }

    [Fact]
    public void ProposeAsync_SmoothFunction_FindsMoreThanRandomSearch()
    {
        var seeds = Enumerable.Range(0, 9).ToList();
        var tpe = seeds.Select(s => Best(s, new TpeProposer())).Order().ElementAt(4);
        var random = seeds.Select(s => Best(s, new RandomProposer())).Order().ElementAt(4);
        Assert.True(tpe < random / 3, $"TPE {tpe}, random search {random}");

        static double Best(int seed, IHypothesisProposer proposer)
        {
            var world = new World(s_plane, seed, Bowl, proposer);
            for (var i = 0; i < 60; i++) world.Step();
            return world.Best;
        }
    }

    [Fact]
    public void ProposeAsync_FailingRegion_IsAvoided()
    {
        var world = new World(s_plane, 2, p => p["x"].AsFloat() < 0 ? double.NaN : 1, new TpeProposer());
        for (var i = 0; i < 70; i++) world.Step();
        Assert.InRange(world.Tried.TakeLast(40).Count(c => c.Parameters["x"].AsFloat() < 0), 0, 12);
    }

    [Fact]
    public void ProposeAsync_BrokenGuard_RanksBehindWhatKeepsIt()
    {
        // The unguarded optimum lies at x = -5; the guard forbids x < 0.
        var world =
            new World(s_plane, 4, p => p["x"].AsFloat(), new TpeProposer()) { Guard = AutoResearch.Guard.AtLeast("x", 0) };
        for (var i = 0; i < 70; i++) world.Step();
        Assert.InRange(world.Tried.TakeLast(30).Average(c => c.Parameters["x"].AsFloat()), -0.5, 2.5);
    }

    [Fact]
    public void ProposeAsync_PendingTrials_ProposesElsewhere()
    {
        var world = new World(s_plane, 5, Bowl, new TpeProposer());
        for (var i = 0; i < 40; i++) world.Step();

        var pending = Enumerable.Range(0, 8).Select(_ => world.Step(finish: false)!.Id).ToList();

        Assert.Equal(8, pending.Distinct().Count());
    }

    [Fact]
    public void ProposeAsync_MaxChanges_ChangesNoMore()
    {
        var space = new SearchSpace().Float("a", 0, 1).Float("b", 0, 1).Float("c", 0, 1).Float("d", 0, 1);
        var world = new World(space, 6, p => p.Values.Sum(v => v.AsFloat()),
            new TpeProposer(new() { MaxChanges = 2, StartupTrials = 5 }));
        for (var i = 0; i < 25; i++)
        {
            Assert.InRange(((ParameterChange)world.Propose(world.Proposer)!.Change).Set.Count, 1, 2);
            world.Step();
        }
    }

    [Fact]
    public async Task ProposeAsync_NoSpace_SaysSo()
    {
        var world = new World(s_plane, 1, Bowl, new TpeProposer());
        var problem = world.State.Problem with { SearchSpace = null };
        var state = new ResearchState(problem, world.State.Incumbent, [], 1);
        var e = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
            await new TpeProposer().ProposeAsync(state, TestContext.Current.CancellationToken));
        Assert.Contains("SearchSpace", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_ImpossibleOption_NamesIt()
    {
        var e = Assert.Throws<ArgumentException>(() => new TpeProposer(new() { GoodShare = 1.5 }));
        Assert.Contains("GoodShare is 1.5", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LogDensity_FiniteSpace_SumsToOne() =>
        Prop.ForAll(Gen.Choose(0, 12).ToArbitrary(), Gen.Choose(0, 1000).ToArbitrary(), (count, seed) =>
        {
            var space = new SearchSpace().Int("n", 1, 6).LogInt("p", 1, 9).Categorical("k", "a", "b", "c")
                .When("k", "b", s => s.Float("g", 0, 1, 0.25));
            var random = new Random(seed);
            var density = new ParzenEstimator(space, [.. Enumerable.Range(0, count).Select(_ => space.Sample(random))], 1);
            Assert.Equal(1, space.Enumerate().Sum(p => Math.Exp(density.LogDensity(p))), 5);
        }).Verify(maxTest: 30);

    private static double Bowl(ParameterSet p) => Math.Pow(p["x"].AsFloat() - 1, 2) + Math.Pow(p["y"].AsFloat() + 2, 2);

    /// <summary>A search without a loop: every proposal is measured once and kept when it is better.</summary>
    private sealed class World(SearchSpace space, int seed, Func<ParameterSet, double> function, IHypothesisProposer proposer)
    {
        private readonly List<Trial> _trials = [];
        private readonly Candidate _baseline = new() { Parameters = space.Sample(new Random(seed)) };
        private Candidate? _incumbent;

        public IHypothesisProposer Proposer => proposer;

        public Guard? Guard { get; init; }

        public double Best { get; private set; } = double.PositiveInfinity;

        public List<Candidate> Tried => [_baseline, .. _trials.Select(t => t.Candidate!)];

        public ResearchState State
        {
            get
            {
                var problem = new ResearchProblem("test")
                {
                    Objective = Objective.Minimize("loss"),
                    Baseline = _baseline,
                    SearchSpace = space,
                    Guards = Guard is null ? [] : [Guard],
                };
                var baseline = Run(_baseline, RunPurpose.Baseline);
                return new(problem, new() { Candidate = _incumbent ?? _baseline, Runs = [] }, [.. _trials], seed)
                {
                    BaselineRuns = [baseline],
                };
            }
        }

        public Hypothesis? Propose(IHypothesisProposer by) => by.ProposeAsync(State).AsTask().GetAwaiter().GetResult();

        public Candidate? Step(bool finish = true)
        {
            var state = State;
            if (proposer.ProposeAsync(state).AsTask().GetAwaiter().GetResult() is not { } hypothesis) return null;
            var candidate = state.Incumbent.Candidate.Apply(hypothesis.Change);
            var run = Run(candidate, RunPurpose.Screen);
            var score = run.Result.Score(Objective.Minimize("loss"));
            _trials.Add(new()
            {
                Number = _trials.Count + 1,
                Hypothesis = hypothesis,
                Candidate = candidate,
                Runs = finish ? [run] : [],
                Verdict = finish ? new Reject { Reason = "test" } : null,
            });
            if (finish && score < Best && (Guard?.Violation(run.Result.Metrics) is null))
                (Best, _incumbent) = (score.Value, candidate);
            return candidate;
        }

        private Run Run(Candidate candidate, RunPurpose purpose)
        {
            var value = function(candidate.Parameters);
            var metrics = new Dictionary<string, double> { ["loss"] = value };
            if (candidate.Parameters.TryGetValue("x", out var x)) metrics["x"] = x.AsFloat();
            return new(new() { Id = "e", Candidate = candidate, Seed = 0, Budget = Budget.Unlimited, Purpose = purpose },
                double.IsNaN(value) ? RunResult.Failure(RunOutcome.Crashed, "test") : RunResult.Complete(metrics));
        }
    }
}
