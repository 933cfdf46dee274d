using AutoResearch.Kernels;
using AutoResearch.Pretraining;

namespace AutoResearch.GpuBenchmarks;

/// <summary>Something to be timed: what it takes to run it once, and what it then has done.</summary>
/// <param name="Name">The case, with its size.</param>
/// <param name="Peer">Request to the peer process, or empty.</param>
/// <param name="Unit">TFLOP/s, GB/s, ms or tokens/s.</param>
/// <param name="Amount">Operations or bytes of one run; tokens for tokens/s; 1 for ms.</param>
/// <param name="Prepare">Allocates; the action runs it once, the disposable releases.</param>
internal sealed record GpuWork(
    string Name, string Peer, string Unit, double Amount, Func<CudaBackend, (Action Run, IDisposable Memory)> Prepare)
{
    /// <summary>Least ratio to the best peer that is wanted, and least value.</summary>
    internal (double Ratio, double Value) Goal { get; init; }

    /// <summary>The value for a run of so many seconds.</summary>
    internal double Value(double seconds) => Unit switch
    {
        "TFLOP/s" => Amount / seconds / 1e12,
        "GB/s" => Amount / seconds / 1e9,
        "ms" => seconds * 1e3,
        _ => Amount / seconds,
    };

    /// <summary>autoresearch's model.</summary>
    internal static GptConfig Model { get; } = new()
    {
        Depth = 8, Dim = 512, Heads = 4, SequenceLength = 2048, VocabularySize = 8192, WindowPattern = "SSSL",
        TargetHeadDim = 128,
    };

    internal static IReadOnlyList<GpuWork> All { get; } =
    [
        Copy(4L << 30),
        Product(8192, 8192, 8192),
        Attention(16, 2048, 16, 128, backward: false) with { Goal = (1.1, 540) },
        Attention(4, 8192, 16, 128, backward: false) with { Goal = (1.1, 640) },
        Attention(16, 2048, 32, 64, backward: false) with { Goal = (1.1, 390) },
        Attention(16, 2048, 16, 128, backward: true) with { Goal = (0, 430) },
        Attention(16, 2048, 32, 64, backward: true) with { Goal = (0, 360) },
        Rows("rms norm", 262144, 512, 4, (b, t) => b.RmsNorm(t.X, t.Y, t.Statistics), "rms_norm"),
        Rows("rms norm backward", 262144, 512, 6, (b, t) => b.RmsNormBackward(t.X, t.Y, t.Statistics, t.Z, accumulate: false),
            "rms_norm_backward"),
        Rotary(262144, 2048, 4, 128),
        CrossEntropy(32768, 512, 8192),
        AdamW(128 << 20),
        Step(128, 524288) with { Goal = (1.3, 0) },
    ];

    private static GpuWork Copy(long bytes) => new("copy on the device, 4 GiB", "copy 4294967296", "GB/s", 2.0 * bytes, cuda =>
    {
        var (from, to) = (new CudaBuffer(cuda.Device, bytes), new CudaBuffer(cuda.Device, bytes));
        return (() => cuda.Stream.Copy(from.Address, to.Address, bytes), new Group(from, to));
    });

    private static GpuWork Product(int m, int n, int k) =>
        new($"matrix product {m}", $"matmul {m}", "TFLOP/s", 2.0 * m * n * k, cuda =>
        {
            var (a, b, c) = (Activation(cuda, (m, k), 1), Activation(cuda, (k, n), 2), Activation(cuda, (m, n), 3));
            return (() => cuda.MatMul(a, b, c), new Group(a, b, c));
        });

    private static GpuWork Attention(int batch, int sequence, int heads, int headDim, bool backward)
    {
        var flops = 4.0 * batch * heads * sequence * sequence * headDim / 2 * (backward ? 2.5 : 1);
        var name = $"attention {(backward ? "backward" : "forward")}, causal, batch {batch}, length {sequence}, "
            + $"{heads} heads of {headDim}";
        return new(name, $"attention_{(backward ? "backward" : "forward")} {batch} {sequence} {heads} {headDim}", "TFLOP/s",
            flops, cuda =>
            {
                var layout = new AttentionLayout(batch, sequence, heads, heads, headDim);
                var (qkv, y) = (Activation(cuda, (layout.Tokens, layout.Columns), 1),
                    Activation(cuda, (layout.Tokens, layout.QueryColumns), 2));
                var (dqkv, dy) = (Activation(cuda, (layout.Tokens, layout.Columns), 3),
                    Activation(cuda, (layout.Tokens, layout.QueryColumns), 4));
                var lse = cuda.Allocate((batch, heads, sequence));
                cuda.Attention(qkv, y, lse, layout, -1);
                return (backward
                    ? () => cuda.AttentionBackward(qkv, y, lse, dy, dqkv, layout, -1)
                    : () => cuda.Attention(qkv, y, lse, layout, -1),
                    new Group(qkv, y, dqkv, dy, lse));
            });
    }

    private static GpuWork Rows(
        string name, int rows, int columns, int bytesPerElement,
        Action<CudaBackend, (Tensor X, Tensor Y, Tensor Z, Tensor Statistics)> run, string peer) =>
        new($"{name}, {rows} × {columns}", $"{peer} {rows} {columns}", "GB/s", (double)bytesPerElement * rows * columns, cuda =>
        {
            var tensors = (X: Activation(cuda, (rows, columns), 1), Y: Activation(cuda, (rows, columns), 2),
                Z: Activation(cuda, (rows, columns), 3), Statistics: cuda.Allocate(rows));
            return (() => run(cuda, tensors), new Group(tensors.X, tensors.Y, tensors.Z, tensors.Statistics));
        });

    private static GpuWork Rotary(int tokens, int sequence, int heads, int headDim)
    {
        var layout = new AttentionLayout(tokens / sequence, sequence, heads, heads, headDim);
        return new($"rotary embedding and norm of queries and keys, {tokens} × {2 * layout.QueryColumns}", "", "GB/s",
            4.0 * tokens * 2 * layout.QueryColumns, cuda =>
            {
                var (qkv, table, inverse) = (Activation(cuda, (tokens, layout.Columns), 1),
                    cuda.CreateRotaryTable(sequence, headDim), cuda.Allocate((tokens, 2 * heads)));
                return (() => cuda.RotaryNorm(qkv, table, inverse, layout), new Group(qkv, table, inverse));
            });
    }

    // Logits written by the product, read and written by the softmax, read by both products of the backward pass.
    private static GpuWork CrossEntropy(int rows, int columns, int vocabulary) =>
        new($"output layer and cross-entropy, forward and backward, {rows} × {columns} × {vocabulary}",
            $"cross_entropy {rows} {columns} {vocabulary}", "TFLOP/s", 6.0 * rows * columns * vocabulary, cuda =>
            {
                var (x, dx, weight) = (Activation(cuda, (rows, columns), 1), Activation(cuda, (rows, columns), 2),
                    cuda.Parameter((vocabulary, columns)));
                ParameterInitializer.Normal(weight, 0.02f, 1, 1);
                var (targets, losses, loss) = (cuda.Allocate(rows, DType.Int32), cuda.Allocate(rows), cuda.Allocate(1));
                targets.CopyFrom([.. Enumerable.Range(0, rows).Select(i => (int)(i * 2654435761L % vocabulary))]);
                return (() => cuda.LinearCrossEntropy(x, weight, targets, 15, losses, loss, 1, dx, weight.Grad),
                    new Group(x, dx, weight, targets, losses, loss));
            });

    // Parameter, gradient and two moments are read and written.
    private static GpuWork AdamW(int count) =>
        new($"AdamW, {count >> 20} Mi parameters", $"adamw {count}", "GB/s", 32.0 * count, cuda =>
        {
            var parameter = cuda.Parameter((count / 1024, 1024));
            var optimizer = new AdamW(cuda);
            optimizer.Add(new(), parameter);
            return (optimizer.Step, new Group(optimizer, parameter));
        });

    private static GpuWork Step(int batch, int totalTokens) =>
        new("training step, autoresearch's shape, 524288 tokens", $"step {batch} {totalTokens}", "tokens/s", totalTokens, cuda =>
        {
            var model = new GptModel(cuda, Model, 1);
            var trainer = new GptTrainer(model, new() { BatchSize = batch, TotalBatchTokens = totalTokens });
            var batches = new SyntheticBatches(batch, Model.SequenceLength, Model.VocabularySize);
            var steps = 0;
            return (() => trainer.Train(batches, Budget.OfSteps(steps += StepsPerRun)), new Group(trainer, model));
        });

    /// <summary>Steps of one run of the training step: its warm-up pass is made once per run.</summary>
    internal const int StepsPerRun = 20;

    private static Tensor Activation(Backend backend, Shape shape, ulong stream)
    {
        var tensor = backend.Allocate(shape, backend.ActivationType);

        // Random bits cost time on the host; rows repeat after a while, which no kernel can make use of.
        var period = (int)Math.Min(shape.ElementCount, 1 << 22);
        using var sample = new ReferenceBackend();
        using var values = sample.Allocate(period);
        ParameterInitializer.Normal(values, 1, 7, stream);
        var few = values.ToArray();
        var all = new float[shape.ElementCount];
        for (long i = 0; i < all.Length; i++) all[i] = few[i % period];
        tensor.CopyFrom(all);
        return tensor;
    }

    private sealed class Group(params IDisposable[] parts) : IDisposable
    {
        public void Dispose()
        {
            foreach (var part in parts) part.Dispose();
        }
    }
}
