namespace AutoResearch.Benchmarks.Cpu;

/// <summary>One case of a benchmark class.</summary>
/// <param name="Name">As printed.</param>
/// <param name="Request">As <see cref="CpuServer"/> takes it.</param>
/// <param name="GigaFlops">Floating-point operations of a call, in 10⁹.</param>
/// <param name="Threads">Threads at work.</param>
public sealed record KernelShape(string Name, string Request, double GigaFlops, int Threads)
{
    public override string ToString() => Name;

    internal static KernelShape Gemm(int m, int n, int k, int threads) =>
        new($"{m}×{n}×{k}, {threads} thr", $"gemm {m} {n} {k} {threads}", 2e-9 * m * n * k, threads);

    // Causal attention counts as half; the backward pass as 2.5 times the forward pass.
    internal static KernelShape Attention(int batch, int sequence, int heads, int headDim, bool backward, int threads = 2) => new(
        $"{(backward ? "backward" : "forward")} B{batch} T{sequence} H{heads} D{headDim}",
        $"attention_{(backward ? "backward" : "forward")} {batch} {sequence} {heads} {headDim} {threads}",
        2e-9 * batch * heads * headDim * sequence * sequence * (backward ? 2.5 : 1), threads);

    internal static KernelShape CrossEntropy(int rows, int dim, int vocabulary) =>
        new($"{rows}×{dim}, vocabulary {vocabulary}", $"loss_and_gradient {rows} {dim} {vocabulary} 2",
            6e-9 * rows * dim * vocabulary, 2);

    internal static KernelShape Optimizer(TrainingShape s) =>
        new($"depth {s.Depth}, dim {s.Dim}", $"optimizer_step {s} 2", 1e-9 * s.MuonFlops, 2);

    internal static KernelShape Step(TrainingShape s) =>
        new($"depth {s.Depth}, dim {s.Dim}, B{s.Batch} T{s.Sequence}", $"training_step {s} 2",
            1e-9 * (s.ModelFlops + s.MuonFlops), 2);
}
