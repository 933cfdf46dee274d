namespace AutoResearch.Tests;

/// <summary>
/// A made-up loop with everything in it: noise, accepts, rejects, duplicates, failures, confirmations, a final measurement.
/// </summary>
internal static class SampleHistory
{
    private static readonly DateTimeOffset s_start = new(2026, 3, 5, 9, 0, 0, TimeSpan.FromHours(1));

    public static ResearchProblem Problem { get; } = new("gpt-on-api-docs")
    {
        Objective = Objective.Minimize("val_bpb", "bits/byte"),
        Baseline = Candidate.Of(("depth", 4), ("dim", 256), ("matrix_lr", 0.02), ("warmdown", 0.5), ("window", "SSSL"),
            ("tied", false)),
        Budget = Budget.TrainingTime(TimeSpan.FromSeconds(20)),
        Guards = [Guard.AtMost("peak_memory_mb", 2048)],
        Instructions = "Lower val_bpb. Keep it simple.",
    };

    public static IReadOnlyList<ResearchEvent> Events(
        int trials = 12, int seed = 1, bool onlyFailures = false, bool measure = true, ResearchProblem? problem = null)
    {
        var loop = new Builder(problem ?? Problem, seed);
        for (var i = 0; i < 3; i++) loop.Run(RunPurpose.Baseline, 0, loop.Problem.Baseline, loop.BaselineLevel);
        for (var t = 1; t <= trials; t++) loop.Trial(t, onlyFailures);
        if (measure && !onlyFailures) loop.Measure();
        loop.Add(new LoopStopped(StopReason.MaxExperiments, $"{trials} trials were made, as asked."));
        return loop.Events;
    }

    public static ResearchHistory Of(int trials = 12, int seed = 1, bool onlyFailures = false, bool measure = true) =>
        ResearchHistory.Of(Events(trials, seed, onlyFailures, measure));

    private sealed class Builder
    {
        private static readonly string[] s_titles =
        [
            "matrix_lr 0.02 → 0.03", "halve the batch", "window SSSL → SSLL", "longer warm-down", "depth 4 → 5 at equal width",
            "value embeddings on every layer", "softcap 15 → 20", "weight decay 0.1 on matrices only",
            "RoPE base 10,000 → 50,000", "GQA with two key/value heads", "x0 lambdas start at 0.1",
            "momentum 0.95 → 0.92 with a ramp",
        ];

        private static readonly RunOutcome[] s_failures =
            [RunOutcome.Crashed, RunOutcome.OutOfMemory, RunOutcome.Diverged, RunOutcome.TimedOut, RunOutcome.Invalid];

        private readonly Random _random;
        private Candidate _incumbent;
        private double _level;
        private double _best;
        private int _version;
        private int _experiments;
        private TimeSpan _elapsed;

        public Builder(ResearchProblem problem, int seed)
        {
            Problem = problem;
            _random = new Random(seed);
            _incumbent = problem.Baseline;
            BaselineLevel = problem.Objective.Direction == Direction.Minimize ? 1.62 : 0.71;
            _level = _best = BaselineLevel;
            Add(new LoopStarted(problem, seed) { Version = "0.1.0" });
        }

        public ResearchProblem Problem { get; }

        public double BaselineLevel { get; }

        public List<ResearchEvent> Events { get; } = [];

        private double Sign => Problem.Objective.Direction == Direction.Minimize ? -1 : 1;

        public void Add(ResearchEvent e)
        {
            _elapsed += TimeSpan.FromMilliseconds(_random.Next(1, 400));
            Events.Add(e with { Time = s_start + _elapsed });
        }

        public RunResult Run(
            RunPurpose purpose, int trial, Candidate candidate, double level, RunOutcome outcome = RunOutcome.Completed)
        {
            var id = $"e{++_experiments:0000}";
            Add(new ExperimentStarted(new Experiment
            {
                Id = id, Candidate = candidate, Seed = _random.NextInt64(1, 1_000_000), Budget = Problem.Budget,
                Purpose = purpose, Trial = trial,
            }));
            _elapsed += TimeSpan.FromSeconds(21 + 4 * _random.NextDouble());
            var result = outcome == RunOutcome.Completed
                ? RunResult.Complete(new Dictionary<string, double>
                {
                    [Problem.Objective.Metric] = level + 0.0025 * Gauss(), ["peak_memory_mb"] = 900 + 20 * _random.NextDouble(),
                    ["train_loss"] = double.NaN,
                })
                : RunResult.Failure(outcome,
                    outcome == RunOutcome.OutOfMemory ? "Out of memory: 2.1 GB of 2 GB." : $"It ended with {outcome}.");
            result = result with
            {
                Usage = new ResourceUsage
                {
                    WallTime = TimeSpan.FromSeconds(24.5), TrainingTime = TimeSpan.FromSeconds(20), PeakMemoryBytes = 943_718_400,
                    Steps = 412, Tokens = 3_375_104, Money = 0.0042m,
                },
                Device = new Dictionary<string, string> { ["cpu"] = "Example CPU @ 3.1 GHz", ["cores"] = "2", ["load"] = "0.4" },
                Hashes = new Dictionary<string, string> { ["data"] = "6e1f0c42", ["tokenizer"] = "98aa31c7" },
                LogTail = outcome == RunOutcome.Completed ? null : "Traceback: <script>alert('log')</script> & more",
                Curve = [new Measurement("train_loss", 3.2, 100, TimeSpan.FromSeconds(5), 0.25),
                    new Measurement("train_loss", double.NaN, 200)],
            };
            Add(new ExperimentFinished(id, result));
            return result;
        }

        public void Trial(int number, bool onlyFailures)
        {
            var change = ParameterChange.Of(("matrix_lr", Math.Round(0.01 + 0.03 * _random.NextDouble(), 4)),
                ("depth", _random.Next(3, 7)));
            var duplicate = number % 17 == 0;
            var candidate = _incumbent.Apply(change);
            Add(new HypothesisProposed(number, new Hypothesis
            {
                ParentId = _incumbent.Id, Change = change, Title = s_titles[(number - 1) % s_titles.Length],
                Rationale = "Runs so far suggest that the matrices learn too slowly under this budget; "
                    + "earlier gains came from the same place.",
                Proposer = number % 3 == 0 ? "gpt-x" : "tpe", ExpectedGain = 0.004,
                Cost = new Cost(0.0031m, 2400, 310, TimeSpan.FromSeconds(2.5)),
            }, duplicate ? null : candidate));
            if (duplicate)
            {
                Add(new TrialJudged(number, new Reject { Reason = "Identical to trial 3, which was run before." }));
                return;
            }
            if (onlyFailures || number % 9 == 4)
            {
                var outcome = s_failures[_random.Next(s_failures.Length)];
                var failure = Run(RunPurpose.Screen, number, candidate, 0, outcome);
                Add(new TrialJudged(number, new Reject { Reason = $"No score: {failure.Message}" }));
                return;
            }
            Judge(number, candidate);
        }

        public void Measure()
        {
            for (var i = 0; i < 5; i++)
            {
                Run(RunPurpose.Final, 0, _incumbent, _level);
                Run(RunPurpose.Final, 0, Problem.Baseline, BaselineLevel);
            }
            var gain = Sign * (_level - BaselineLevel);
            Add(new GainMeasured(new GainEstimate(gain, gain - 0.0034, gain + 0.0034, 0.95, BaselineLevel, _level, 5)));
        }

        private void Judge(int number, Candidate candidate)
        {
            var effect = number % 40 == 11 ? -0.9 : 0.016 * Math.Exp(-_version / 6.0) * (_random.NextDouble() - 0.72) * 2;
            var level = _level + Sign * effect;
            var score = Run(RunPurpose.Screen, number, candidate, level).Score(Problem.Objective)!.Value;
            var gain = Sign * (score - _best);
            if (gain < 0.002)
            {
                Add(new TrialJudged(number,
                    new Reject { Reason = FormattableString.Invariant($"{score:F4} does not beat {_best:F4}.") }));
                return;
            }
            Add(new TrialJudged(number, new NeedMore(Arm.Incumbent, 2) { Reason = "Promising; two fresh runs of both." }));
            for (var i = 0; i < 2; i++)
            {
                Run(RunPurpose.Control, number, _incumbent, _level);
                Run(RunPurpose.Confirm, number, candidate, level);
            }
            var statistics = new Dictionary<string, double>
            {
                ["gain"] = gain,
                ["se"] = 0.0012,
                ["p_better"] = 0.991,
                ["ratio"] = double.PositiveInfinity,
            };
            if (effect <= 0)
            {
                Add(new TrialJudged(number,
                    new Indecisive { Reason = "The fresh runs do not tell the arms apart.", Statistics = statistics }));
                return;
            }
            Add(new TrialJudged(number, new Accept
            {
                Reason = FormattableString.Invariant($"Better by {gain:F4} ± 0.0012 over 2 fresh runs each."),
                Statistics = statistics,
            }));
            Add(new IncumbentAdvanced(++_version, number, candidate.Id));
            (_incumbent, _level, _best) = (candidate, level, level);
        }

        private double Gauss() =>
            Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
    }
}
