using AutoResearch.Kernels;
using AutoResearch.Kernels.Tests.Cuda;

namespace AutoResearch.Pretraining.Tests;

/// <summary>
/// A whole model is trained by the CUDA backend with the library's own kernels, on the emulated GPU: launches, graphs, optimizer
/// and evaluation, against the CPU backend.
/// </summary>
[Collection(nameof(EmulatedGpu))]
public sealed class GptOnCudaTests : IDisposable
{
    private static readonly GptConfig Config = new()
    {
        Depth = 2, Dim = 128, Heads = 2, KvHeads = 1, SequenceLength = 40, VocabularySize = 300, WindowPattern = "SL",
        ShortWindow = 12, GateChannels = 16, HeadInit = 0.05,
    };

    // Two batches a step, gradients clipped: everything a step can hold. Small steps of the scalars, whose gradient at the start
    // is 0 but for rounding: AdamW makes a full step of either sign of it.
    private static readonly TrainingOptions Training = new()
    {
        BatchSize = 2, TotalBatchTokens = 160, MatrixLr = 0.02, EmbeddingLr = 0.1, ScalarLr = 0.01, MuonMomentumSteps = 4,
        GradientClip = 2,
    };

    private readonly CudaBackend _cuda = EmulatedGpu.Open();
    private readonly CpuBackend _cpu = new(new() { Threads = 1 });

    public void Dispose()
    {
        _cuda.Dispose();
        _cpu.Dispose();
    }

    [Fact]
    public void Train_OnCudaAndOnTheCpu_LossesAgree()
    {
        var expected = Run(_cpu, 8, out _, out var cpuBits);
        var actual = Run(_cuda, 8, out var replays, out var cudaBits);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(actual[i] - expected[i]) < 0.015 * expected[i],
                $"step {i + 1}: {actual[i]:f4}, on the CPU {expected[i]:f4}");
        Assert.True(expected[^1] < expected[0] - 0.3, $"nothing was learned: {expected[0]:f3} … {expected[^1]:f3}");
        Assert.Equal(cpuBits, cudaBits, cpuBits * 0.015);
        Assert.True(replays >= 6, $"{replays} of 8 steps were replayed");
    }

    [Fact]
    public void Train_Twice_IsBitEqual()
    {
        var first = Run(_cuda, 3, out _, out var bits);
        Assert.Equal(first, Run(_cuda, 3, out _, out var again));
        Assert.Equal(bits, again);
    }

    [Fact]
    public void Train_WeightsChangedBetweenSteps_ReplayUsesTheNewOnes()
    {
        var expected = Interrupted(_cpu);
        var actual = Interrupted(_cuda);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(actual[i] - expected[i]) < 0.02 * expected[i],
                $"step {i + 1}: {actual[i]:f4}, on the CPU {expected[i]:f4}");

        static double[] Interrupted(Backend backend)
        {
            var losses = new List<double>();
            using var model = new GptModel(backend, Config, 1);
            using var trainer = new GptTrainer(model, Training);
            var batches = new RandomBatches(2, 40, 53);
            trainer.Train(batches, Budget.OfSteps(3), new Listener(p =>
            {
                losses.Add(p.Loss);
                foreach (var parameter in model.Parameters.Where(t => t.Shape.Rank == 2))
                    parameter.CopyFrom([.. parameter.ToArray().Select(v => v * 0.5f)]);
            }));
            return [.. losses];
        }
    }

    // A replayed graph takes tokens and documents from the host.
    [Fact]
    public void Losses_MaskedDocument_DoesNotDependOnWhatStandsBeforeIt()
    {
        const int second = 17;
        using var model = new GptModel(_cuda, Config, 1);
        var stream = 100UL;
        foreach (var matrix in model.Matrices) ParameterInitializer.Normal(matrix, 0.1f, 7, stream++);
        using var tape = new Tape(_cuda);
        using var graph = _cuda.CreateStepGraph();
        using var losses = _cuda.Allocate(40);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => i * 37 % 300)], targets = [.. tokens.Select(t => (t + 5) % 300)];
        int[] one = new int[40], two = [.. Enumerable.Range(0, 40).Select(i => i < second ? 0 : second)];
        float[][] before = [Losses(two), Losses(one)];
        for (var i = 0; i < second; i++) tokens[i] = 299 - tokens[i];
        float[][] after = [Losses(two), Losses(one)];
        Assert.Equal(before[0][second..], after[0][second..]);
        Assert.NotEqual(before[1][second..], after[1][second..]);
        Assert.Equal(2, graph.Replays); // the first run also rounds the parameters

        float[] Losses(int[] documentStarts)
        {
            graph.Run(() =>
            {
                tape.Reset(record: false);
                losses.Fill(0);
                _cuda.Add(model.Losses(tape, tape.Input(tokens, 40), tape.Input(targets, 40), 1, tape.Input(documentStarts, 40)),
                    losses);
            });
            return losses.ToArray();
        }
    }

    [Fact]
    public void Loss_TokenOutsideTheVocabulary_IsReported()
    {
        using var model = new GptModel(_cuda, Config, 1);
        using var tape = new Tape(_cuda);
        int[] tokens = [1, 2, 300, 4, 5, 6, 7, 8], targets = [1, 2, 3, 4, 5, 6, 7, -1];
        var wrongToken = Assert.Throws<ArgumentException>(() =>
            model.Loss(tape, tape.Input(tokens, 8), tape.Input(targets, 8), 1).Item());
        Assert.Contains("Token 300 at position 2 lies outside 0..299", wrongToken.Message, StringComparison.Ordinal);
        tokens[2] = 3;
        targets[5] = -2;
        var wrongTarget = Assert.Throws<ArgumentException>(() =>
            model.Loss(tape, tape.Input(tokens, 8), tape.Input(targets, 8), 1).Item());
        Assert.Contains("Target -2 at position 5 lies outside 0..299", wrongTarget.Message, StringComparison.Ordinal);
        targets[5] = 6;
        Assert.InRange(model.Loss(tape, tape.Input(tokens, 8), tape.Input(targets, 8), 1).Item(), 4, 8);
    }

    // What benchmarks/gpu/run does on a GPU under compute-sanitizer.
    [Fact]
    public void GpuCheck_SmallShapes_Runs() => Assert.Equal(0, AutoResearch.GpuBenchmarks.GpuCheck.Small(_cuda));

    private static double[] Run(Backend backend, int steps, out long replays, out double bits)
    {
        var losses = new List<double>();
        using var model = new GptModel(backend, Config, 1);
        using var trainer = new GptTrainer(model, Training);
        var report = trainer.Train(new RandomBatches(2, 40, 53), Budget.OfSteps(steps), new Listener(p => losses.Add(p.Loss)));
        Assert.Equal(RunOutcome.Completed, report.Outcome);
        replays = trainer.Replays;
        bits = BitsPerByte.Evaluate(model, ValidationText(), 3);
        return [.. losses];
    }

    private static ValidationSet ValidationText() =>
        ValidationSet.Create(SampleText.Documents(6, 30), SampleText.Tokenizer(300), 40);

    private sealed class Listener(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
