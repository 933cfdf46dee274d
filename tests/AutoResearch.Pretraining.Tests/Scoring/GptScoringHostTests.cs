using AutoResearch.Testing;

namespace AutoResearch.Pretraining.Tests;

/// <summary>What an honest candidate gets: its score, independent of how it is asked, and a clock that is the host's.</summary>
public sealed class GptScoringHostTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(7)]
    [InlineData(64)]
    public async Task Serve_HonestModel_HasTheScoreOfItsProbabilities(int rows)
    {
        var model = default(BigramModel);
        var result = await ScoredRun.OfAsync(ScoredRun.Program(m => (model = m).Logits, rows: rows), secret: rows);

        Assert.True(result.Outcome == RunOutcome.Completed, result.Message);
        Assert.Equal(BitsPerByteOf(model!), result.Metrics["val_bpb"], 5);
        Assert.InRange(result.Metrics["val_bpb"], 0.5, 6);
        Assert.Equal(10, result.Metrics["num_steps"]);
        Assert.Equal(10 * 4 * ScoredRun.Length / 1e6, result.Metrics["total_tokens_M"], 9);
        Assert.Equal(["data", "evaluator", "tokenizer"], result.Hashes!.Keys.Order());
        Assert.Equal(10, result.Curve!.Count);
    }

    [Fact]
    public async Task Serve_MoreTraining_ScoresBetter()
    {
        var (little, much) = (await ScoredRun.OfAsync(ScoredRun.Program(), budget: Budget.OfSteps(2)),
            await ScoredRun.OfAsync(ScoredRun.Program(), budget: Budget.OfSteps(100)));
        Assert.True(much.Metrics["val_bpb"] < little.Metrics["val_bpb"] - 1,
            $"{little.Metrics["val_bpb"]} → {much.Metrics["val_bpb"]}");
    }

    /// <summary>
    /// A score cannot be had by leaving out the normalisation: a number added to all logits of a position changes nothing.
    /// </summary>
    [Theory]
    [InlineData(5000f)]
    [InlineData(-5000f)]
    public async Task Serve_ShiftedLogits_ScoreTheSame(float shift)
    {
        var plain = await ScoredRun.OfAsync(ScoredRun.Program());
        var shifted = await ScoredRun.OfLogitsAsync(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            for (var i = 0; i < logits.Length; i++) logits[i] += shift;
        }, ScoredRun.Patient(0.25, 0.01));

        Assert.Equal(plain.Metrics["val_bpb"], shifted.Metrics["val_bpb"], 2); // single precision at 5,000 has steps of 0.0005
    }

    [Fact]
    public async Task Serve_UniformLogits_CostTheLogarithmOfTheVocabulary()
    {
        var result = await ScoredRun.OfLogitsAsync(_ => (_, logits) => logits.Fill(3));
        var targets = ScoredRun.Validation.Targets.ToArray().Count(t => t != ValidationSet.NoTarget);
        var vocabulary = ScoredRun.Data.Tokenizer(ScoredRun.Vocabulary).VocabularySize;
        Assert.Equal(targets * Math.Log2(vocabulary) / ScoredRun.Validation.TotalBytes, result.Metrics["val_bpb"], 5);
    }

    [Fact]
    public async Task Serve_SameSeed_GivesTheSameTextAndScore()
    {
        var (a, b) = (await ScoredRun.OfAsync(ScoredRun.Program(), secret: 1),
            await ScoredRun.OfAsync(ScoredRun.Program(), secret: 2));
        Assert.Equal(a.Metrics["val_bpb"], b.Metrics["val_bpb"]);
        var other = await ScoredRun.OfAsync(ScoredRun.Program(), experiment: ScoredRun.Experiment(seed: 8));
        Assert.NotEqual(a.Metrics["val_bpb"], other.Metrics["val_bpb"]);
    }

    [Fact]
    public async Task Serve_TimeBudget_CountsTheHostsClockBetweenBatches()
    {
        var clock = new FakeTimeProvider();
        var progress = new List<double>();
        var result = await ScoredRun.OfAsync(ScoredRun.Program(step: b =>
        {
            progress.Add(b.Progress);
            clock.Advance(TimeSpan.FromSeconds(1.5));
        }), budget: Budget.TrainingTime(TimeSpan.FromSeconds(10)), clock: clock);

        Assert.True(result.Outcome == RunOutcome.Completed, result.Message);
        Assert.Equal(6, result.Metrics["num_steps"]); // the seventh would have ended after 10.5 s
        Assert.Equal(9, result.Metrics["training_seconds"], 6);
        Assert.Equal([0, 0.15, 0.3, 0.45, 0.6, 0.75], progress.Select(p => Math.Round(p, 9)));
    }

    [Fact]
    public async Task Serve_TokenBudget_IsNotPassed()
    {
        var result = await ScoredRun.OfAsync(ScoredRun.Program(), budget: Budget.OfTokens((5 * 4 * ScoredRun.Length) + 100));
        Assert.Equal(5, result.Metrics["num_steps"]);
    }

    [Fact]
    public async Task Serve_Rehearsal_HasNothingOfTheText()
    {
        var questions = new List<int[]>();
        var trained = false;
        await ScoredRun.OfAsync(ScoredRun.Program(m => (tokens, logits) =>
        {
            if (!trained) questions.Add(tokens.ToArray());
            m.Logits(tokens, logits);
        }, _ => trained = true));

        Assert.Equal(2, questions.Count);
        var rows = Enumerable.Range(0, ScoredRun.Validation.Rows)
            .Select(r => ScoredRun.Validation.Inputs.Slice(r * ScoredRun.Length, ScoredRun.Length).ToArray());
        foreach (var row in questions.SelectMany(q => q.Chunk(ScoredRun.Length)))
            Assert.DoesNotContain(rows, r => r.Zip(row).Count(p => p.First == p.Second) > ScoredRun.Length / 4);
    }

    [Fact]
    public async Task Serve_AuditBytes_SealsAScoreThatOnlyTheKeyOpens()
    {
        var seal = AuditSeal.Create();
        var options = ScoredRun.Patient();
        (options.AuditBytes, options.Seal) = (4 << 10, seal);
        var model = default(BigramModel);
        var result = await ScoredRun.OfAsync(ScoredRun.Program(m => (model = m).Logits), options);

        var run = new Run(ScoredRun.Experiment(), result);
        var audit = ValidationSet.Create(ScoredRun.Data.Corpus.Audit, ScoredRun.Data.Tokenizer(ScoredRun.Vocabulary),
            ScoredRun.Length, 4 << 10);
        Assert.Equal(BitsPerByteOf(model!, audit), seal.Read(run)!.Value, 5);
        Assert.Null(AuditSeal.Create().Read(run));
        Assert.DoesNotContain(result.Metrics.Keys, k => k.Contains("audit", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(BitsPerByteOf(model!), result.Metrics["val_bpb"], 5);
    }

    [Fact]
    public async Task Serve_Losses_AreReportedAsTheyCome()
    {
        var seen = new List<Measurement>();
        await ScoredRun.OfAsync(ScoredRun.Program(), progress: new Recorder(seen));
        Assert.Equal(Enumerable.Range(1, 10).Select(i => (long)i), seen.Select(m => m.Step));
        Assert.All(seen, m => Assert.Equal("train_loss", m.Metric));
    }

    [Theory]
    [InlineData("flops")]
    [InlineData("none")]
    public async Task Open_BudgetThatAHostCannotKeep_Throws(string kind)
    {
        var host = new GptScoringHost(ScoredRun.Data, ScoredRun.Options);
        var budget = kind == "flops" ? new Budget { Flops = 1e12, Steps = 1 } : Budget.WallTime(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<ArgumentException>(async () =>
            await host.OpenAsync(ScoredRun.Experiment(budget), null, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(nameof(ScoringOptions.VocabularySize), 100)]
    [InlineData(nameof(ScoringOptions.SequenceLength), 1)]
    [InlineData(nameof(ScoringOptions.Tolerance), 0.0)]
    [InlineData(nameof(ScoringOptions.CausalityShare), 1.5)]
    [InlineData(nameof(ScoringOptions.Overrun), -0.1)]
    [InlineData(nameof(ScoringOptions.MaximumAnswerBytes), 100)]
    [InlineData(nameof(ScoringOptions.AuditBytes), 100L)]
    public void Constructor_ImpossibleOption_NamesIt(string name, object value)
    {
        var options = new ScoringOptions();
        typeof(ScoringOptions).GetProperty(name)!.SetValue(options, value);
        var e = Assert.Throws<ArgumentException>(() => new GptScoringHost(ScoredRun.Data, options));
        Assert.Contains(name == nameof(ScoringOptions.AuditBytes) ? nameof(ScoringOptions.Seal) : name, e.Message,
            StringComparison.Ordinal);
    }

    private static double BitsPerByteOf(BigramModel model, ValidationSet? set = null)
    {
        set ??= ScoredRun.Validation;
        var bits = 0.0;
        for (var i = 0; i < set.Targets.Length; i++)
            if (set.Targets[i] != ValidationSet.NoTarget) bits -= Math.Log2(model.Probability(set.Inputs[i], set.Targets[i]));
        return bits / set.TotalBytes;
    }

    private sealed class Recorder(List<Measurement> seen) : IProgress<Measurement>
    {
        public void Report(Measurement value) => seen.Add(value);
    }
}
