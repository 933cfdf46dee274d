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
        var report = trainer.Train(Batches(same: true), Budget.OfSteps(120), new Listener(p => first = p.Step == 1 ? p.Loss : first));
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
        Assert.Contains("one optimizer step of 24", Assert.Throws<ArgumentException>(() => trainer.Train(Batches(), Budget.OfTokens(23))).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not limit", Assert.Throws<ArgumentException>(() => trainer.Train(Batches(), Budget.Unlimited)).Message,
            StringComparison.Ordinal);
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
        var report = trainer.Train(Batches(), Budget.OfSteps(50), new Listener(p => { if (p.Step == 3) model.Head.Fill(float.NaN); }));
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

    private static RandomBatches Batches(bool same = false) => new(2, Tiny.Config.SequenceLength, Tiny.Config.VocabularySize, same);

    private static float[] All(GptModel model) => [.. model.Parameters.SelectMany(p => p.ToArray())];

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
