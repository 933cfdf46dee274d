namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The shapes and goals of <c>cpu-peers</c>.</summary>
internal static class CpuCases
{
    /// <summary>The two models whose training step is measured.</summary>
    public static readonly TrainingShape Small = new(4, 256, 4, 256, 16, 1024), Large = new(8, 512, 8, 512, 8, 8192);

    private const string PeakName = "FMA peak of the same rounds";

    /// <summary>All cases, the quick selection or the full one.</summary>
    public static IEnumerable<CpuCase> All(bool quick)
    {
        foreach (var size in quick ? (int[])[512, 1024] : [512, 1024, 2048]) yield return Gemm(size, size, size, 1, 0.85);
        foreach (var size in quick ? (int[])[1024] : [512, 1024, 2048]) yield return GemmAvx2(size);
        foreach (var size in quick ? (int[])[1024] : [1024, 2048]) yield return GemmThreads(size);
        yield return Gemm(4096, 768, 256, 2, null);
        if (!quick) yield return Gemm(4096, 64, 512, 1, null);
        foreach (var headDim in (int[])[64, 128])
        {
            foreach (var sequence in quick ? (int[])[512] : [256, 512, 1024, 2048])
            {
                yield return Attention(sequence, headDim, backward: false);
                yield return Attention(sequence, headDim, backward: true);
            }
        }

        yield return Loss(4096, 256, 1024);
        if (!quick) yield return Loss(4096, 512, 8192);
        yield return Optimizer("depth 4, dim 256", Small);
        if (!quick) yield return Optimizer("depth 8, dim 512", Large);
        yield return TwoTrainers(Small);
        yield return Step("depth 4, dim 256", Small, 0.45, plainC: true);
        if (!quick) yield return Step("depth 8, dim 512", Large, 0.55, plainC: false); // a step of the C loops takes a minute
    }

    private static CpuCase Gemm(int m, int n, int k, int threads, double? goal)
    {
        var work = 2e-9 * m * n * k;
        var name = $"GEMM {m} × {n} × {k}, {Threads(threads)}";
        return Case(name, $"gemm {m} {n} {k} {threads}", work, threads, goal);
    }

    private static CpuCase GemmAvx2(int size)
    {
        var work = 2e-9 * size * size * size;
        return new($"GEMM {size} × {size} × {size}, 1 thread, AVX2 only",
            new(Contestant.OursAvx2, $"gemm {size} {size} {size} 1"),
            [new("", PeakName + ", AVX2", Arm.Peak(1, Contestant.OursAvx2), "GFLOP/s", work, 1, 0.88)]);
    }

    private static CpuCase GemmThreads(int size)
    {
        var work = 2e-9 * size * size * size;
        return new($"GEMM {size} × {size} × {size}, 2 threads", new(Contestant.Ours, $"gemm {size} {size} {size} 2"),
        [
            new("", "ours, 1 thread", new(Contestant.Ours, $"gemm {size} {size} {size} 1"), "GFLOP/s", work, work, 1.85),
            new("", null, new(Contestant.Torch, $"gemm {size} {size} {size} 2"), "GFLOP/s", work, work),
        ]);
    }

    // About 16 heads × 1024 tokens of work at every length.
    private static CpuCase Attention(int sequence, int headDim, bool backward)
    {
        int heads = 512 / headDim, batch = Math.Max(1, 2048 / sequence);
        var work = 2e-9 * batch * heads * headDim * sequence * sequence * (backward ? 2.5 : 1);
        return Case($"attention {(backward ? "backward" : "forward")}, D {headDim}, T {sequence}, causal, 2 threads",
            $"attention_{(backward ? "backward" : "forward")} {batch} {sequence} {heads} {headDim} 2", work, 2,
            backward ? 0.5 : 0.65);
    }

    private static CpuCase Loss(int rows, int dim, int vocabulary) => Case(
        $"linear + cross-entropy with gradients, {rows} × {dim}, vocabulary {vocabulary}, 2 threads",
        $"loss_and_gradient {rows} {dim} {vocabulary} 2", 6e-9 * rows * dim * vocabulary, 2, null);

    // The peers make the same update with more operations, so they are compared in steps.
    private static CpuCase Optimizer(string name, TrainingShape shape)
    {
        var request = $"optimizer_step {shape} 2";
        return new($"optimizers (Muon, AdamW), {name}, 2 threads", new(Contestant.Ours, request),
        [
            new(", products executed", PeakName, Arm.Peak(2), "GFLOP/s", 1e-9 * shape.MuonFlops, 1),
            new("", null, new(Contestant.Torch, request), "steps/s", 1, 1),
            new("", null, new(Contestant.PlainC, request), "steps/s", 1, 1),
        ]);
    }

    private static CpuCase TwoTrainers(TrainingShape shape) => new(
        "two trainers with 1 thread each, depth 4, dim 256", new(Contestant.Ours, $"parallel_training {shape} 2"),
        [new("", "ours, one trainer, 1 thread", new(Contestant.Ours, $"training_step {shape} 1"), "tokens/s", 2 * shape.Tokens,
            shape.Tokens, 1.8)]);

    private static CpuCase Step(string name, TrainingShape shape, double goal, bool plainC)
    {
        var request = $"training_step {shape} 2";
        var (model, all) = (1e-9 * shape.ModelFlops, 1e-9 * (shape.ModelFlops + shape.MuonFlops));
        return new($"training step, {name}, 2 threads", new(Contestant.Ours, request),
        [
            new(", all products executed", PeakName, Arm.Peak(2), "GFLOP/s", all, 1, goal),
            new(", without Muon's products", PeakName, Arm.Peak(2), "GFLOP/s", model, 1),
            new("", null, new(Contestant.Torch, request), "tokens/s", shape.Tokens, shape.Tokens, 3),
            .. plainC
                ? [new Comparison("", null, new(Contestant.PlainC, request), "tokens/s", shape.Tokens, shape.Tokens)]
                : Array.Empty<Comparison>(),
        ]);
    }

    private static CpuCase Case(string name, string request, double work, int threads, double? goal) =>
        new(name, new(Contestant.Ours, request),
        [
            new("", PeakName, Arm.Peak(threads), "GFLOP/s", work, 1, goal),
            new("", null, new(Contestant.Torch, request), "GFLOP/s", work, work),
            new("", null, new(Contestant.PlainC, request), "GFLOP/s", work, work),
        ]);

    private static string Threads(int count) => count == 1 ? "1 thread" : $"{count} threads";
}
