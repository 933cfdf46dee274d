using AutoResearch.Kernels;
using AutoResearch.Pretraining;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>A piece of work whose time is tuned for; on one backend, ready to be repeated.</summary>
internal abstract class Workload(string name) : IDisposable
{
    /// <summary>As printed.</summary>
    public string Name { get; } = name;

    public abstract void Run();

    public abstract void Dispose();

    /// <summary>All workloads on a backend: what a training step consists of, in the sizes of small models.</summary>
    public static Workload[] All(Backend backend) => [new Gemm(backend), new Attention(backend), new Step(backend)];

    private sealed class Gemm(Backend backend) : Workload("GEMM 1024 × 1024 × 512")
    {
        private readonly Tensor _a = Random(backend, (1024, 512), 1), _b = Random(backend, (1024, 512), 2),
            _c = backend.Allocate((1024, 1024));

        public override void Run() => backend.MatMul(_a, _b, _c, transposeB: true);

        public override void Dispose()
        {
            foreach (var tensor in (Tensor[])[_a, _b, _c]) tensor.Dispose();
        }
    }

    private sealed class Attention(Backend backend) : Workload("attention, T 512, D 64, forward and backward")
    {
        private readonly AttentionLayout _layout = new(1, 512, 4, 4, 64);

        private readonly Tensor _qkv = Random(backend, (512, 768), 1), _dy = Random(backend, (512, 256), 2),
            _y = backend.Allocate((512, 256)), _dqkv = backend.Allocate((512, 768)), _logSumExp = backend.Allocate((1, 4, 512));

        public override void Run()
        {
            backend.Attention(_qkv, _y, _logSumExp, _layout, -1);
            backend.AttentionBackward(_qkv, _y, _logSumExp, _dy, _dqkv, _layout, -1);
        }

        public override void Dispose()
        {
            foreach (var tensor in (Tensor[])[_qkv, _dy, _y, _dqkv, _logSumExp]) tensor.Dispose();
        }
    }

    private sealed class Step : Workload
    {
        private const int Rows = 2;
        private readonly GptModel _model;
        private readonly Tape _tape;
        private readonly int[] _tokens;

        public Step(Backend backend)
            : base("GPT, 2 layers of 256, forward and backward")
        {
            var config = new GptConfig { Depth = 2, Dim = 256, Heads = 4, SequenceLength = 256, VocabularySize = 1024 };
            _model = new GptModel(backend, config, 1);
            _tape = new Tape(backend);
            var random = new Random(1);
            _tokens =
                [.. Enumerable.Range(0, (Rows * config.SequenceLength) + 1).Select(_ => random.Next(config.VocabularySize))];
        }

        public override void Run()
        {
            _tape.Reset();
            var count = _tokens.Length - 1;
            _tape.Backward(
                _model.Loss(_tape, _tape.Input(_tokens.AsSpan(0, count), count), _tape.Input(_tokens.AsSpan(1), count), Rows));
        }

        public override void Dispose()
        {
            _tape.Dispose();
            _model.Dispose();
        }
    }

    private static Tensor Random(Backend backend, Shape shape, ulong stream)
    {
        var tensor = backend.Allocate(shape);
        ParameterInitializer.Normal(tensor, 1, 1, stream);
        return tensor;
    }
}
