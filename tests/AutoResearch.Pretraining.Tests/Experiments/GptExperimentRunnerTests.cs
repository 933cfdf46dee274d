using AutoResearch.Kernels;

namespace AutoResearch.Pretraining.Tests;

public sealed class GptExperimentRunnerTests
{
    private static readonly PretrainingData s_data = new(Corpus.FromDocuments(Enumerable.Range(0, 400).Select(i =>
        new CorpusDocument($"group {i}",
            $"The value number {i} of the list is {i * 7919 % 1000}; the one after it is {i * 31 % 77}, as the text says."))));

    private static readonly TrainingSetup s_tiny = TrainingParameters.Apply(new(),
        [new("depth", 2), new("dim", 32), new("heads", 2), new("seq", 32), new("vocab", 300), new("batch", 4)]);

    [Fact]
    public async Task Run_Completed_HasScoreCountsAndHashes()
    {
        var result = await Run(("matrix_lr", 0.03));
        Assert.True(result.Outcome == RunOutcome.Completed, result.Message);
        Assert.InRange(result.Metrics["val_bpb"], 0.5, 8);
        Assert.Equal(6, result.Metrics["num_steps"]);
        Assert.Equal(6 * 128 / 1e6, result.Metrics["total_tokens_M"], 9);
        Assert.Equal(["data", "evaluator", "tokenizer"], result.Hashes!.Keys.Order());
        Assert.NotEmpty(result.Curve!);
    }

    [Fact]
    public async Task Loop_CandidateThatDiverges_IsSavedByThePolicyAndMarked()
    {
        using var runner = new GptExperimentRunner(s_data, s_tiny);
        // The speed of this machine decides nothing here
        ResearchLoopBuilder Build() => ResearchLoop.Create(new ResearchProblem("p")
        {
            Objective = Objective.Minimize("val_bpb"),
            Baseline = Candidate.Of(("matrix_lr", 0.02)),
            Budget = Budget.OfSteps(60),
        })
            .ProposeWith(new DelegateProposer((s, _) => new(s.NextTrial > 1 ? null : new Hypothesis
            {
                ParentId = s.Incumbent.Candidate.Id, Change = ParameterChange.Of(("unembedding_lr", 20.0)),
                Title = "far too much",
            })))
            .RunWith(runner).AcceptWith(new GreedyRatchet()).MonitorWith(new NonFiniteMonitor(), new DivergenceMonitor())
            .Configure(o => (o.BaselineRuns, o.ClaimRounds, o.FinalRuns) = (1, 0, 0));

        await using var strict = Build().Build();
        await foreach (var _ in strict.RunAsync(cancellationToken: TestContext.Current.CancellationToken)) { }
        var lost = strict.History.Trials[0].Runs.Single().Result;
        Assert.Equal(RunOutcome.Diverged, lost.Outcome);
        Assert.True(lost.Interventions is { Count: 1 }, lost.Message);
        Assert.Equal(RunActionKind.Stop, Assert.Single(lost.Interventions!).Action.Kind);

        await using var nursing = Build()
            .InterveneWith(InterventionPolicy.Recover(maxRecoveries: 8, learningRateFactor: 0.05)).Build();
        await foreach (var _ in nursing.RunAsync(cancellationToken: TestContext.Current.CancellationToken)) { }
        var saved = nursing.History.Trials[0].Runs[0].Result;
        Assert.Equal(RunOutcome.Completed, saved.Outcome);
        Assert.True(saved.IsIntervened);
        Assert.All(saved.Interventions!, i => Assert.Equal(RunAction.RollBack(0.05), i.Action));
        Assert.True(double.IsFinite(saved.Metrics["val_bpb"]));
    }

    [Fact]
    public async Task Run_GpuOutOfMemoryOrBroken_IsItsOwnOutcome()
    {
        using var runner = new GptExperimentRunner(s_data, s_tiny);
        foreach (var (error, outcome) in new (Exception, RunOutcome)[]
        {
            (new CudaOutOfMemoryException("The GPU has too little memory.", 100, 10, 50), RunOutcome.OutOfMemory),
            (new CudaException("cuLaunchKernel", 700, "CUDA_ERROR_ILLEGAL_ADDRESS", "A kernel failed.", isSticky: true),
                RunOutcome.InfrastructureFailure),
        })
        {
            var result = await runner.RunAsync(
                new Experiment { Id = "e1", Candidate = Candidate.Of(), Seed = 1, Budget = Budget.OfSteps(6) },
                new Throwing(error), TestContext.Current.CancellationToken);
            Assert.Equal((outcome, error.Message), (result.Outcome, result.Message));
            Assert.DoesNotContain("val_bpb", result.Metrics.Keys);
        }
    }

    [Fact]
    public async Task Run_SameSeed_SameScore() =>
        Assert.Equal((await Run()).Metrics["val_bpb"], (await Run()).Metrics["val_bpb"]);

    [Fact]
    public async Task Run_TrainedLonger_ScoresBetter()
    {
        var (little, much) = (await Run(), await Run(Budget.OfSteps(60)));
        Assert.True(much.Metrics["val_bpb"] < little.Metrics["val_bpb"] - 0.3,
            $"{little.Metrics["val_bpb"]} → {much.Metrics["val_bpb"]}");
    }

    [Theory]
    [InlineData(1.0, 12)]
    [InlineData(0.5, 6)]
    [InlineData(0.01, 1)]
    public async Task Run_LowerFidelity_MakesThatShareOfTheSteps(double fidelity, int steps)
    {
        using var runner = new GptExperimentRunner(s_data, s_tiny);
        foreach (var budget in new[] { Budget.OfSteps(12), Budget.OfTokens(12 * 128) })
        {
            // Half a token budget is still whole steps; a hundredth of it is less than one, which is said.
            var result = await runner.RunAsync(
                new Experiment { Id = "e1", Candidate = Candidate.Of(), Seed = 1, Budget = budget, Fidelity = fidelity }, null,
                TestContext.Current.CancellationToken);
            if (fidelity < 0.05 && budget.Tokens is not null) Assert.Equal(RunOutcome.Invalid, result.Outcome);
            else Assert.Equal(steps, result.Metrics["num_steps"]);
        }
    }

    [Fact]
    public async Task Run_UnknownParameter_IsInvalid()
    {
        var result = await Run(("dept", 3));
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains("'depth'", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_TooLargeForMemory_IsOutOfMemory() =>
        Assert.Equal(RunOutcome.OutOfMemory, (await Run(("depth", 900), ("dim", 65536), ("heads", 512))).Outcome);

    [Fact]
    public async Task Run_DataSmallerThanABatch_SaysHowMuchThereIsAndWhatWouldHelp()
    {
        using var runner = new GptExperimentRunner(s_data, s_tiny);
        var result = await runner.RunAsync(new Experiment
        {
            Id = "e1",
            Candidate = Candidate.Of(("batch", 512), ("seq", 256)),
            Seed = 1,
            Budget = Budget.OfSteps(2),
        }, null, TestContext.Current.CancellationToken);
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Matches(@"\d[\d,]* tokens", result.Message);
        Assert.Contains("batch", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_HopelessLimit_IsDivergedWithoutScore()
    {
        var result = await Run(("divergence_loss", 0.1));
        Assert.Equal(RunOutcome.Diverged, result.Outcome);
        Assert.Null(result.Score(Objective.Minimize("val_bpb")));
    }

    [Fact]
    public void Evaluate_BatchSize_DoesNotMatter()
    {
        using var backend = new CpuBackend();
        var config = s_tiny.Model with { VocabularySize = s_data.Tokenizer(300).VocabularySize, HeadInit = 0.2 };
        using var model = new GptModel(backend, config, 1);
        var text = s_data.Validation(300, 32);
        var one = BitsPerByte.Evaluate(model, text, 1);
        Assert.Equal(one, BitsPerByte.Evaluate(model, text, 5), 1e-5);
        Assert.Equal(one, BitsPerByte.Evaluate(model, text, 64), 1e-5);
    }

    [Fact]
    public void Evaluate_AnotherSequenceLength_ScoresTheSameBytes() =>
        Assert.Equal(s_data.Validation(300, 32).TotalBytes, s_data.Validation(300, 64).TotalBytes);

    private static Task<RunResult> Run(params (string, ParameterValue)[] parameters) => Run(Budget.OfSteps(6), parameters);

    private static async Task<RunResult> Run(Budget budget, params (string, ParameterValue)[] parameters)
    {
        using var runner = new GptExperimentRunner(s_data, s_tiny);
        return await runner.RunAsync(
            new Experiment { Id = "e1", Candidate = Candidate.Of(parameters), Seed = 1, Budget = budget }, null,
            TestContext.Current.CancellationToken);
    }

    // Fails in the middle of a run, where a backend would.
    private sealed class Throwing(Exception error) : IProgress<Measurement>
    {
        public void Report(Measurement value) => throw error;
    }
}
