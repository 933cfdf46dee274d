using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>C = A · B.</summary>
internal sealed class GemmWork : CpuWork
{
    private readonly CpuBackend _backend;
    private readonly Tensor _a, _b, _c;
    private readonly bool _transposeA, _transposeB;

    public GemmWork(int m, int n, int k, int threads, bool transposeA = false, bool transposeB = false)
    {
        (_transposeA, _transposeB) = (transposeA, transposeB);
        _backend = Own(new CpuBackend(new() { Threads = threads }));
        _a = Random(_backend, transposeA ? (k, m) : (m, k), 1);
        _b = Random(_backend, transposeB ? (n, k) : (k, n), 2);
        _c = Own(_backend.Allocate((m, n)));
    }

    public override void Run() => _backend.MatMul(_a, _b, _c, _transposeA, _transposeB);
}

/// <summary>Causal attention over the whole sequence, forward or backward.</summary>
internal sealed class AttentionWork : CpuWork
{
    private readonly CpuBackend _backend;
    private readonly AttentionLayout _layout;
    private readonly Tensor _qkv, _y, _logSumExp, _dy, _dqkv;
    private readonly bool _backward;

    public AttentionWork(int batch, int sequence, int heads, int headDim, int threads, bool backward, CpuTuning? tuning = null)
    {
        _backend = Own(new CpuBackend(new() { Threads = threads, Tuning = tuning }));
        _layout = new(batch, sequence, heads, heads, headDim);
        _qkv = Random(_backend, (_layout.Tokens, _layout.Columns), 1);
        _dy = Random(_backend, (_layout.Tokens, _layout.QueryColumns), 2);
        _y = Own(_backend.Allocate(_dy.Shape));
        _dqkv = Own(_backend.Allocate(_qkv.Shape));
        _logSumExp = Own(_backend.Allocate((batch, heads, sequence)));
        _backward = backward;
        _backend.Attention(_qkv, _y, _logSumExp, _layout, -1);
    }

    public override void Run()
    {
        if (_backward) _backend.AttentionBackward(_qkv, _y, _logSumExp, _dy, _dqkv, _layout, -1);
        else _backend.Attention(_qkv, _y, _logSumExp, _layout, -1);
    }
}

/// <summary>Output layer, bounded logits and cross-entropy, with the gradients of input and weight.</summary>
internal sealed class CrossEntropyWork : CpuWork
{
    private readonly CpuBackend _backend;
    private readonly Tensor _x, _weight, _targets, _losses, _loss, _dx, _dWeight;

    public CrossEntropyWork(int rows, int dim, int vocabulary, int threads)
    {
        _backend = Own(new CpuBackend(new() { Threads = threads }));
        _x = Random(_backend, (rows, dim), 1);
        _weight = Random(_backend, (vocabulary, dim), 2, 0.02f);
        _targets = Own(_backend.Allocate(rows, DType.Int32));
        var random = new Random(1);
        _targets.CopyFrom(Enumerable.Range(0, rows).Select(_ => random.Next(vocabulary)).ToArray());
        _losses = Own(_backend.Allocate(rows));
        _loss = Own(_backend.Allocate(1));
        _dx = Own(_backend.Allocate((rows, dim)));
        _dWeight = Own(_backend.Allocate((vocabulary, dim)));
    }

    public override void Run() => _backend.LinearCrossEntropy(_x, _weight, _targets, 15, _losses, _loss, 1, _dx, _dWeight);
}
