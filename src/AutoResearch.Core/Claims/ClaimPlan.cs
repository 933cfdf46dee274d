namespace AutoResearch;

/// <summary>
/// Tests the claims about a finished search with fresh runs: in every round each arm that is still needed runs once with the
/// round's seed. A pure function of the history, as all planning is.
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
    private readonly Dictionary<string, List<double?>> _scores = new(StringComparer.Ordinal);

    private ClaimPlan(ResearchHistory history, ResearchLoopOptions options)
    {
        (_history, _options, _incumbent) = (history, options, history.State.Incumbent);
        foreach (var run in history.ClaimRuns.Where(r => r.Experiment.Trial == _incumbent.Trial))
            ScoresOf(run.Experiment.Candidate).Add(run.Result.Score(history.Problem.Objective));
        var incumbents = history.Lineage;
        var sigma = history.State.Noise.IsKnown ? history.State.Noise.Sigma : 0;
        for (var version = 1; version < incumbents.Count; version++)
        {
            var ablated = Ablation.Without(incumbents, version);
            var (with, without) = ablated is null
                ? (incumbents[version].Candidate, incumbents[version - 1].Candidate)
                : (_incumbent.Candidate, ablated);
            var expected = history.Trials[incumbents[version].Trial - 1].Verdict!.Statistics.GetValueOrDefault("gain", sigma);
            _tests.Add(new(incumbents[version].Trial, with, without, ablated is not null, new(Math.Max(expected, 0), 2 * sigma * sigma)));
        }
    }

    /// <summary>The next run that the claims need, or what was found once they need none.</summary>
    public static (Experiment? Next, ClaimSet? Found) Next(ResearchHistory history, ResearchLoopOptions options, Func<Candidate, int, Experiment> run)
    {
        var plan = new ClaimPlan(history, options);
        for (var round = 0; round < options.ClaimRounds && plan.IsOpen; round++)
        {
            if (plan.MissingArm(round) is { } candidate) return (run(candidate, round + 1), null);
            plan.CloseRound(round);
        }
        return (null, plan.Found());
    }

    // Claims are only ever closed, so an arm that is still needed has run in every round so far.
    private bool IsOpen => _tests.Exists(t => t.IsOpen);

    private Candidate? MissingArm(int round)
    {
        var arms = _tests.Where(t => t.IsOpen).SelectMany(t => new[] { t.With, t.Without }).Distinct();
        // Every second round runs backwards, so that a steady drift favours no arm.
        return (round % 2 == 0 ? arms : arms.Reverse()).FirstOrDefault(c => ScoresOf(c).Count <= round);
    }

    private void CloseRound(int round)
    {
        foreach (var test in _tests.Where(t => t.IsOpen))
        {
            if (ScoresOf(test.With)[round] is { } with && ScoresOf(test.Without)[round] is { } without)
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
        return new([.. _tests.Select(t => new Claim(t.Trial, Status(t, threshold), t.Evidence.Pairs, t.Evidence.Mean, t.Evidence.Value, t.IsAblation) { StandardError = t.Evidence.StandardError })],
            _options.ClaimErrorRate);
    }

    private static ClaimStatus Status(Test test, double threshold)
    {
        if (test.IsSuperseded) return ClaimStatus.Superseded;
        if (test.Evidence.Value >= threshold) return ClaimStatus.Confirmed;
        return test.Evidence.Mean <= 0 && test.Evidence.Pairs > 0 ? ClaimStatus.Doubtful : ClaimStatus.Open;
    }

    private List<double?> ScoresOf(Candidate candidate)
    {
        if (!_scores.TryGetValue(candidate.Id, out var scores)) _scores[candidate.Id] = scores = [];
        return scores;
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
