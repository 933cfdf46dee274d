namespace AutoResearch.Tests;

/// <summary>Histories of searches, trial by trial, made of scores: what an adaptive ratchet learns from.</summary>
internal sealed class Searches(params double[] baseline)
{
    private readonly List<Trial> _trials = [];
    private readonly List<int> _judged = [];
    private int _version;

    public static ResearchProblem Problem => Loops.Problem;

    /// <summary>The history so far; the last trial may be pending.</summary>
    public ResearchState State => new(Problem, new Incumbent { Candidate = Problem.Baseline, Runs = [] }, [.. _trials], seed: 0)
    {
        BaselineRuns = [.. baseline.Select(b => Comparisons.Run(Problem, Problem.Baseline, RunPurpose.Baseline, b))],
        Judged = [.. _judged],
    };

    public Trial Last => _trials[^1];

    /// <summary>Adds a trial without a verdict.</summary>
    public Searches Propose(
        double[] runs, double[]? controls = null, double[]? sentinels = null, int? version = null, Hypothesis? hypothesis = null)
    {
        var candidate = Candidate.Of(("x", _trials.Count + 1));
        _trials.Add(new Trial
        {
            Number = _trials.Count + 1,
            IncumbentVersion = version ?? _version,
            Hypothesis = hypothesis
                ?? new() { ParentId = Problem.Baseline.Id, Change = ParameterChange.Of(("x", _trials.Count + 1)), Title = "x" },
            Candidate = candidate,
            Runs =
            [
                .. runs.Select((r, i) => Comparisons.Run(Problem, candidate, i == 0 ? RunPurpose.Screen : RunPurpose.Confirm, r)),
            ],
            Controls = [.. (controls ?? []).Select(c => Comparisons.Run(Problem, Problem.Baseline, RunPurpose.Control, c))],
            Sentinels = [.. (sentinels ?? []).Select(c => Comparisons.Run(Problem, Problem.Baseline, RunPurpose.Control, c))],
        });
        return this;
    }

    /// <summary>Changes the last trial.</summary>
    public Searches With(Func<Trial, Trial> change)
    {
        _trials[^1] = change(_trials[^1]);
        return this;
    }

    public Searches Accepted() => Judged(new Accept { Reason = "better" });

    public Searches Rejected() => Judged(new Reject { Reason = "not better" });

    /// <summary>Gives a trial its verdict.</summary>
    public Searches Judged(Verdict verdict, int? number = null)
    {
        var index = (number ?? _trials.Count) - 1;
        if (verdict is Accept && _trials[index].IncumbentVersion == _version) _version++;
        _trials[index] = _trials[index] with { Verdict = verdict };
        _judged.Add(index + 1);
        return this;
    }

    /// <summary>What the ratchet says of the last trial.</summary>
    public async Task<Verdict> JudgeAsync(AdaptiveRatchet ratchet) => await ratchet.JudgeAsync(
        new() { Problem = Problem, Trial = Last, Incumbent = State.Incumbent, State = State },
        TestContext.Current.CancellationToken);
}
