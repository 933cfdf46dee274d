namespace AutoResearch.Benchmarks.RealTrainer;

/// <summary>A way to search with a number of training runs.</summary>
internal abstract record SearchMethod(string Name)
{
    public static IReadOnlyList<SearchMethod> All { get; } =
    [
        new LoopSearch("TPE and AdaptiveRatchet", () => new TpeProposer(new() { StartupTrials = 4, MaxChanges = 3 }),
            () => new AdaptiveRatchet(), Greedy: false),
        new LoopSearch("TPE and greedy rule", () => new TpeProposer(new() { StartupTrials = 4, MaxChanges = 3 }),
            () => new GreedyRatchet(), Greedy: true),
        new LoopSearch("random search, best score", () => new RandomProposer(), () => new GreedyRatchet(), Greedy: true),
        new OptunaMethod("Optuna TPE, best score"),
    ];

    /// <summary>The final candidate and the gain that the method itself reports; null when a peer is missing.</summary>
    public abstract Task<(Candidate Candidate, double Gain)?> SearchAsync(
        ResearchProblem problem, Trainer trainer, int runs, int baselineRuns, int seed);

    private sealed record LoopSearch(
        string Name, Func<IHypothesisProposer> Proposer, Func<IRatchetAcceptor> Acceptor, bool Greedy) : SearchMethod(Name)
    {
        // The measured total gain of our loop costs runs, which count.
        private const int FinalRuns = 5;

        public override async Task<(Candidate, double)?> SearchAsync(
            ResearchProblem problem, Trainer trainer, int runs, int baselineRuns, int seed)
        {
            var final = Greedy ? 0 : FinalRuns;
            await using var loop = ResearchLoop.Create(problem).ProposeWith(Proposer()).RunWith(trainer.Runner)
                .AcceptWith(Acceptor()).WithSeed(seed)
                .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns, o.MaxExperiments) =
                    (Greedy ? 1 : baselineRuns, 0, final, runs - (2 * final)))
                .Build();
            await foreach (var _ in loop.RunAsync())
            {
            }

            var (history, incumbent) = (loop.History, loop.History.State.Incumbent);
            if (!Greedy) return (incumbent.Candidate, history.Gain?.Gain ?? 0);
            return (incumbent.Candidate, Best(history.BaselineRuns) - Best(incumbent.Runs));

            double Best(IEnumerable<Run> arm) => arm.Select(r => r.Result.Score(problem.Objective)).OfType<double>().Min();
        }
    }

    private sealed record OptunaMethod(string Name) : SearchMethod(Name)
    {
        public override async Task<(Candidate, double)?> SearchAsync(
            ResearchProblem problem, Trainer trainer, int runs, int baselineRuns, int seed)
        {
            using var optuna = OptunaSearch.Start(problem, seed);
            if (optuna is null) return null;
            (Candidate Candidate, double Score)? best = null;
            double? first = null;
            for (var run = 0; run < runs; run++)
            {
                var candidate = optuna.Ask();
                var score = await trainer.ScoreAsync(candidate, ((long)seed * 10_000) + run);
                optuna.Tell(score);
                first ??= score;
                if (score is { } value && !(best?.Score <= value)) best = (candidate, value);
            }

            return best is { } found && first is { } bar ? (found.Candidate, bar - found.Score) : null;
        }
    }
}
