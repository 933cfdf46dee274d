namespace AutoResearch;

/// <summary>
/// Tests the claims about a finished search with fresh runs: in every round each arm that is still needed runs once with the
/// round's seed. A pure function of the history, as all planning is: which runs end first changes nothing of what is found.
/// </summary>
/// <remarks>
/// Which claims are confirmed is decided by the e-BH procedure (Wang and Ramdas 2022, "False discovery rate control with
/// e-values"): it holds the expected share of false claims for any dependence between them, and the claims do depend on one
/// another, since they share the runs of the final candidate.
/// </remarks>
internal sealed class ClaimPlan
{
    private const double Hopeless = 0.1;

    private readonly ResearchHistory _history;
    private readonly Incumbent _incumbent;
    private readonly ResearchLoopOptions _options;
    private readonly List<Test> _tests = [];
    private readonly Dictionary<(string Candidate, long Seed), double?> _scores = [];
    private readonly HashSet<(string Candidate, long Seed)> _open;

    private ClaimPlan(ResearchHistory history, ResearchLoopOptions options)
    {
        (_history, _options, _incumbent) = (history, options, history.State.Incumbent);
        foreach (var run in history.ClaimRuns.Where(r => r.Experiment.Trial == _incumbent.Trial))
            _scores[(run.Experiment.Candidate.Id, run.Experiment.Seed)] = run.Result.Score(history.Problem.Objective);
        _open = [.. history.Unfinished.Where(e => e.Purpose == RunPurpose.Claim && e.Trial == _incumbent.Trial)
            .Select(e => (e.Candidate.Id, e.Seed))];
        var incumbents = history.Lineage;
        var sigma = history.State.Noise.IsKnown ? history.State.Noise.Sigma : 0;
        for (var version = 1; version < incumbents.Count; version++)
        {
            var ablated = Ablation.Without(incumbents, version);
            var (with, without) = ablated is null
                ? (incumbents[version].Candidate, incumbents[version - 1].Candidate)
                : (_incumbent.Candidate, ablated);
            var expected = history.Trials[incumbents[version].Trial - 1].Verdict!.Statistics.GetValueOrDefault("gain", sigma);
            _tests.Add(new(incumbents[version].Trial, with, without, ablated is not null,
                new(Math.Max(expected, 0), 2 * sigma * sigma)));
        }
    }

    /// <summary>
    /// The next run that can be started, or what was found once none is needed; neither while runs have to end first.
    /// </summary>
    public static (Experiment? Next, ClaimSet? Found) Next(
        ResearchHistory history, ResearchLoopOptions options, Func<Candidate, int, Experiment> run)
    {
        var plan = new ClaimPlan(history, options);
        for (var round = 0; round < options.ClaimRounds && plan.IsOpen; round++)
        {
            if (!plan.Arms(round).All(c => plan._scores.ContainsKey((c.Id, plan.Seed(round)))))
                return (plan.Missing(round) is { } next ? run(next.Candidate, next.Round + 1) : null, null);
            plan.CloseRound(round);
        }
        return (null, plan.Found());
    }

    // Claims are only ever closed, so an arm that is still needed has run in every round so far.
    private bool IsOpen => _tests.Exists(t => t.IsOpen);

    // A pair can at most double an e-value, and the bar is at least 1 / error rate.
    private int LeastRounds => (int)Math.Ceiling(Math.Log2(1 / _options.ClaimErrorRate));

    /// <summary>
    /// The first arm of this round that is not running yet. Slots that are left begin the rounds that a claim needs anyway before
    /// it can be confirmed; of a claim that ends earlier such runs are not counted.
    /// </summary>
    private (Candidate Candidate, int Round)? Missing(int round)
    {
        var last = _options.MaxParallel == 1 ? round : Math.Max(round, Math.Min(LeastRounds, _options.ClaimRounds) - 1);
        for (; round <= last; round++)
        {
            var seed = Seed(round);
            if (Arms(round).FirstOrDefault(c =>
                !_scores.ContainsKey((c.Id, seed)) && !_open.Contains((c.Id, seed))) is { } candidate)
                return (candidate, round);
        }
        return null;
    }

    /// <summary>
    /// The arms of a round in the order of starting. One after the other, every second round runs backwards, so that a steady
    /// drift favours no arm. Several at once, the order is drawn for every round, so that no arm has the better
    /// slots but by chance.
    /// </summary>
    private IEnumerable<Candidate> Arms(int round)
    {
        var arms = _tests.Where(t => t.IsOpen).SelectMany(t => new[] { t.With, t.Without }).Distinct();
        return _options.MaxParallel > 1
            ? arms.Select((arm, i) => (arm, draw: SeedSequence.Derive(Seed(round), RunPurpose.Claim, round, i)))
                .OrderBy(a => a.draw).Select(a => a.arm)
            : round % 2 == 0
            ? arms
            : arms.Reverse();
    }

    private long Seed(int round) => SeedSequence.Derive(_history.Seed, RunPurpose.Claim, _incumbent.Trial, round + 1);

    private void CloseRound(int round)
    {
        var seed = Seed(round);
        foreach (var test in _tests.Where(t => t.IsOpen))
        {
            if (_scores[(test.With.Id, seed)] is { } with && _scores[(test.Without.Id, seed)] is { } without)
                test.Evidence.Add(_history.Problem.Objective.Gain(without, with));
        }
        var threshold = Threshold();
        foreach (var test in _tests.Where(t => t.IsOpen))
            test.IsOpen = test.Evidence.Value < threshold && test.Evidence.Value > Hopeless;
    }

    /// <summary>e-BH: the smallest e-value among the k largest that all exceed claims / (k · error rate).</summary>
    private double Threshold()
    {
        var threshold = double.PositiveInfinity;
        double[] values = [.. _tests.Where(t => !t.IsSuperseded).Select(t => t.Evidence.Value).OrderDescending()];
        for (var k = 1; k <= values.Length; k++)
        {
            if (values[k - 1] >= values.Length / (k * _options.ClaimErrorRate)) threshold = values[k - 1];
        }
        return threshold;
    }

    private ClaimSet Found()
    {
        var threshold = Threshold();
        return new([.. _tests.Select(t =>
            new Claim(t.Trial, Status(t, threshold), t.Evidence.Pairs, t.Evidence.Mean, t.Evidence.Value, t.IsAblation)
            {
                StandardError = t.Evidence.StandardError,
            })],
            _options.ClaimErrorRate);
    }

    private static ClaimStatus Status(Test test, double threshold)
    {
        if (test.IsSuperseded) return ClaimStatus.Superseded;
        if (test.Evidence.Value >= threshold) return ClaimStatus.Confirmed;
        return test.Evidence.Mean <= 0 && test.Evidence.Pairs > 0 ? ClaimStatus.Doubtful : ClaimStatus.Open;
    }

    private sealed class Test(int trial, Candidate with, Candidate without, bool isAblation, SignedEvidence evidence)
    {
        public SignedEvidence Evidence = evidence;

        public int Trial => trial;

        public Candidate With => with;

        public Candidate Without => without;

        public bool IsAblation => isAblation;

        public bool IsSuperseded { get; } = with.Id == without.Id;

        public bool IsOpen { get; set; } = with.Id != without.Id;
    }
}
