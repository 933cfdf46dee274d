using AutoResearch.Kernels;
using AutoResearch.Testing;

namespace AutoResearch.Pretraining.Tests;

public sealed class GptTrainerTests : IDisposable
{
    private readonly CpuBackend _backend = new(new CpuBackendOptions { Threads = 2 });
    private readonly string _directory = Directory.CreateTempSubdirectory("trainer").FullName;

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void Train_OneBatchAgainAndAgain_LearnsItByHeart()
    {
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training);
        var first = double.NaN;
        var report = trainer.Train(Batches(same: true), Budget.OfSteps(120),
            new Listener(p => first = p.Step == 1 ? p.Loss : first));
        Assert.InRange(first, 2.5, 4);
        Assert.True(report.TrainLoss < 0.2, $"loss {report.TrainLoss}");
    }

    [Fact]
    public void Train_SameSeed_IsBitEqual()
    {
        Assert.Equal(Weights(1), Weights(1));
        Assert.NotEqual(Weights(1), Weights(2));

        float[] Weights(long seed)
        {
            using var model = new GptModel(_backend, Tiny.Config, seed);
            using var trainer = new GptTrainer(model, Tiny.Training);
            trainer.Train(Batches(), Budget.OfSteps(5));
            return All(model);
        }
    }

    [Fact]
    public void Train_MaskedDocuments_TextBeforeADocumentChangesNothing()
    {
        Assert.Equal(Weights(masked: true, other: false), Weights(masked: true, other: true));
        Assert.NotEqual(Weights(masked: false, other: false), Weights(masked: false, other: true));

        float[] Weights(bool masked, bool other)
        {
            using var model = new GptModel(_backend, Tiny.Config with { MaskDocuments = masked }, 1);
            using var trainer = new GptTrainer(model, Tiny.Training);
            trainer.Train(new PrefixedBatches(Batches(), other), Budget.OfSteps(4));
            return All(model);
        }
    }

    [Fact]
    public void Load_InTheMiddle_ContinuesBitForBit()
    {
        var path = Path.Combine(_directory, "half.safetensors");
        var budget = Budget.OfSteps(8);
        using var whole = new GptModel(_backend, Tiny.Config, 1);
        using (var trainer = new GptTrainer(whole, Tiny.Training)) trainer.Train(Batches(), budget);

        using (var model = new GptModel(_backend, Tiny.Config, 1))
        using (var trainer = new GptTrainer(model, Tiny.Training))
        using (var cancel = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => trainer.Train(
                Batches(), budget, new Listener(p => { if (p.Step == 4) cancel.Cancel(); }), cancel.Token));
            Assert.Equal(4, trainer.Steps);
            trainer.Save(path);
        }

        using var resumed = new GptModel(_backend, Tiny.Config, 77);
        using (var trainer = new GptTrainer(resumed, Tiny.Training))
        {
            trainer.Load(path);
            var batches = Batches();
            batches.Skip(trainer.Steps);
            Assert.Equal(8, trainer.Train(batches, budget).Steps);
        }

        Assert.Equal(All(whole), All(resumed));
        Assert.Single(Directory.GetFiles(_directory));
    }

    [Fact]
    public void Load_AnotherShape_NamesTheTensorAndChangesNothing()
    {
        var path = Path.Combine(_directory, "other.safetensors");
        using (var model = new GptModel(_backend, Tiny.Config with { VocabularySize = 24 }, 1))
        using (var trainer = new GptTrainer(model, Tiny.Training)) trainer.Save(path);
        using var mine = new GptModel(_backend, Tiny.Config, 1);
        using var reader = new GptTrainer(mine, Tiny.Training);
        var before = All(mine);
        var error = Assert.Throws<InvalidDataException>(() => reader.Load(path));
        Assert.Contains("transformer.wte.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("[24, 32]", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, All(mine));
    }

    [Fact]
    public void Train_TimeBudget_IsNeverExceeded()
    {
        var clock = new FakeTimeProvider();
        var batches = Batches();
        batches.OnNext = () => clock.Advance(TimeSpan.FromSeconds(3));
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training, clock);
        var report = trainer.Train(batches, Budget.TrainingTime(TimeSpan.FromSeconds(20)));
        Assert.Equal((6L, TimeSpan.FromSeconds(18)), (report.Steps, report.TrainingTime));
    }

    [Fact]
    public void Train_TokenBudget_IsNeverExceeded()
    {
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training with { TotalBatchTokens = 48 });
        var report = trainer.Train(Batches(), Budget.OfTokens(200));
        Assert.Equal((4L, 192L, 1.0), (report.Steps, report.Tokens, report.Progress));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public void Train_Steps_AllocateNothing(double clip)
    {
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training with { TotalBatchTokens = 48, GradientClip = clip });
        var batches = new MeasuredBatches();
        trainer.Train(batches, Budget.OfSteps(40));
        Assert.Equal(0, batches.LeastAllocated);
    }

    [Fact]
    public void Train_BudgetOfLessThanAStep_SaysSo()
    {
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training);
        Assert.Contains("one optimizer step of 24",
            Assert.Throws<ArgumentException>(() => trainer.Train(Batches(), Budget.OfTokens(23))).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not limit",
            Assert.Throws<ArgumentException>(() => trainer.Train(Batches(), Budget.Unlimited)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_Accumulation_EqualsOneLargeBatch()
    {
        var two = Trained(Tiny.Training with { BatchSize = 1, TotalBatchTokens = 24 }, new HalvedBatches(Batches()));
        var one = Trained(Tiny.Training, Batches());
        for (var i = 0; i < one.Length; i++) Assert.Equal(one[i], two[i], 2e-3f);

        float[] Trained(TrainingOptions options, ITrainingBatches batches)
        {
            using var model = new GptModel(_backend, Tiny.Config, 1);
            using var trainer = new GptTrainer(model, options);
            trainer.Train(batches, Budget.OfSteps(1));
            return All(model);
        }
    }

    [Fact]
    public void Train_WeightsBecomeNaN_StopsAtOnce()
    {
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training);
        var report = trainer.Train(Batches(), Budget.OfSteps(50),
            new Listener(p => { if (p.Step == 3) model.Head.Fill(float.NaN); }));
        Assert.Equal((RunOutcome.Diverged, 3L), (report.Outcome, report.Steps));
        Assert.Contains("NaN at step 4", report.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_LossAboveTheLimit_HasDiverged()
    {
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training with { DivergenceLoss = 1 });
        Assert.Equal(RunOutcome.Diverged, trainer.Train(Batches(), Budget.OfSteps(5)).Outcome);
    }

    private static RandomBatches Batches(bool same = false) =>
        new(2, Tiny.Config.SequenceLength, Tiny.Config.VocabularySize, same);

    private static float[] All(GptModel model) => [.. model.Parameters.SelectMany(p => p.ToArray())];

    private static readonly TrainingOptions s_wild = Tiny.Training with { UnembeddingLr = 5, MatrixLr = 3, DivergenceLoss = 8 };

    [Fact]
    public void Train_LossThatDiverges_GoesBackWithLowerRatesAndLearns()
    {
        using var lost = new GptModel(_backend, Tiny.Config, 1);
        using (var trainer = new GptTrainer(lost, s_wild))
            Assert.Equal(RunOutcome.Diverged, trainer.Train(Batches(), Budget.OfSteps(200)).Outcome);

        using var saved = new GptModel(_backend, Tiny.Config, 1);
        using var nursed = new GptTrainer(saved, s_wild);
        var steering = new Steering(p => double.IsFinite(p.Loss) ? null : RunAction.RollBack(0.1));
        var report = nursed.Train(Batches(), Budget.OfSteps(200), steering);
        Assert.Equal((RunOutcome.Completed, 200L), (report.Outcome, report.Steps)); // steps that failed are spent
        Assert.Equal(Math.Pow(0.1, steering.Taken), nursed.LearningRateFactor, 12);
        Assert.InRange(steering.Taken, 1, 5);
        Assert.True(report.TrainLoss < 3, $"loss {report.TrainLoss}"); // ln 23 = 3.14 is guessing
    }

    [Theory]
    [InlineData(15, 0)] // the state of step 10 is not old enough to be trusted
    [InlineData(25, 10)]
    [InlineData(20, 10)] // asked for before the state of step 20 is kept
    public void Train_RollBack_RestoresTheLastSettledState(int at, int expected)
    {
        using var reference = new GptModel(_backend, Tiny.Config, 1);
        if (expected > 0)
        {
            using var plain = new GptTrainer(reference, Tiny.Training with { WarmdownRatio = 0, WeightDecay = 0 });
            plain.Train(Batches(), Budget.OfSteps(expected));
        }

        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training with { WarmdownRatio = 0, WeightDecay = 0 });
        // Rates of next to nothing keep the weights where they were put.
        trainer.Train(Batches(), Budget.OfSteps(40), new Steering(p => p.Step == at ? RunAction.RollBack(1e-30) : null));
        var (a, b) = (All(reference), All(model));
        Assert.True(a.Zip(b).All(p => Math.Abs(p.First - p.Second) < 1e-6),
            $"largest difference {a.Zip(b).Max(p => Math.Abs(p.First - p.Second))}");
    }

    [Fact]
    public void Save_AfterALoweredRate_ContinuesWithIt()
    {
        var path = Path.Combine(_directory, "lowered.safetensors");
        using var model = new GptModel(_backend, Tiny.Config, 1);
        using var trainer = new GptTrainer(model, Tiny.Training);
        trainer.Train(Batches(), Budget.OfSteps(20),
            new Steering(p => p.Step == 5 ? RunAction.LowerLearningRate(0.25) : p.Step == 19 ? RunAction.RollBack() : null));
        trainer.Save(path);
        using var other = new GptTrainer(model, Tiny.Training);
        other.Load(path);
        Assert.Equal(0.25, other.LearningRateFactor);
        var (steps, own) = (trainer.Train(Batches(), Budget.OfSteps(21)).TrainLoss,
            other.Train(Batches(), Budget.OfSteps(21)).Steps);
        Assert.Equal(21, own);
        Assert.True(double.IsFinite(steps));
    }

    private sealed class Steering(Func<TrainingProgress, RunAction?> decide) : ITrainingSteering
    {
        private RunAction? _next;

        public int Taken { get; private set; }

        public void Report(TrainingProgress value) => _next = decide(value);

        public RunAction? Take()
        {
            if (_next is not null) Taken++;
            var action = _next;
            _next = null;
            return action;
        }
    }

    private sealed class Listener(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }

    /// <summary>Each batch of two rows as two batches of one.</summary>
    private sealed class HalvedBatches(RandomBatches inner) : ITrainingBatches
    {
        private readonly int[] _inputs = new int[2 * inner.SequenceLength], _targets = new int[2 * inner.SequenceLength];
        private bool _second;

        public int BatchSize => 1;

        public int SequenceLength => inner.SequenceLength;

        public int Epoch => 1;

        public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
        {
            if (!_second) inner.Next(_inputs, _targets);
            var start = _second ? SequenceLength : 0;
            _inputs.AsSpan(start, SequenceLength).CopyTo(inputs);
            _targets.AsSpan(start, SequenceLength).CopyTo(targets);
            _second = !_second;
        }

        public void Skip(long batches) => throw new NotSupportedException();
    }

    // Rows of two documents; nothing is learned from the first, whose tokens are the same ones or others.
    private sealed class PrefixedBatches(RandomBatches inner, bool other) : ITrainingBatches
    {
        private const int Prefix = 5;

        public int BatchSize => inner.BatchSize;

        public int SequenceLength => inner.SequenceLength;

        public int Epoch => 1;

        public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
        {
            inner.Next(inputs, targets);
            for (var i = 0; i < inputs.Length; i++)
            {
                var first = i % SequenceLength < Prefix;
                if (!documentStarts.IsEmpty) documentStarts[i] = first ? 0 : Prefix;
                if (!first) continue;
                if (other) inputs[i] = (inputs[i] + 3) % Tiny.Config.VocabularySize;
                targets[i] = -1;
            }
        }

        public void Skip(long batches) => inner.Skip(batches);
    }

    // Looks at the garbage made between every second call, that is in whole optimizer steps of two batches.
    private sealed class MeasuredBatches : ITrainingBatches
    {
        private long _before = -1;
        private int _calls;

        public long LeastAllocated { get; private set; } = long.MaxValue;

        public int BatchSize => Tiny.Training.BatchSize;

        public int SequenceLength => Tiny.Config.SequenceLength;

        public int Epoch => 1;

        public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
        {
            inputs.Fill(1);
            targets.Fill(_calls % 7);
            if (_calls++ % 2 == 1) return;
            var now = GC.GetAllocatedBytesForCurrentThread();
            if (_before >= 0) LeastAllocated = Math.Min(LeastAllocated, now - _before);
            _before = now;
        }

        public void Skip(long batches) { }
    }
}
