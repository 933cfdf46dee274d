namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// Mistakes that such kernels get, built in on purpose: a dropped barrier, a wrong width, a missing factor, a limit that is off
/// by one. Each must show in the comparison with the reference. All of a file's mistakes are compiled at once and
/// switched on one at a time.
/// </summary>
[Collection(nameof(EmulatedGpu))]
public sealed class TrainingKernelMutationTests
{
    private static readonly AttentionLayout Layout = new(1, 9, 4, 2, 64);

    // M(n) is true while mistake n is switched on.
    private static readonly Mutation[] All =
    [
        new(1, "training.cuh", "  x = warp_sum(x);\n  if (threadIdx.x % Lanes == 0) scratch[warp] = x;\n  __syncthreads();",
            "  x = warp_sum(x);\n  if (threadIdx.x % Lanes == 0) scratch[warp] = x;\n  if (!M(1)) __syncthreads();", MixNorm),
        new(2, "training.cuh", "  x = warp_max(x);\n  if (threadIdx.x % Lanes == 0) scratch[warp] = x;\n  __syncthreads();",
            "  x = warp_max(x);\n  if (threadIdx.x % Lanes == 0) scratch[warp] = x;\n  if (!M(2)) __syncthreads();",
            c => Operations.CrossEntropy(3, 8, 2050, 3, 3).Check(c, 2e-2)),
        new(3, "training.cuh", "__device__ __forceinline__ float warp_sum(float x) {\n#pragma unroll\n  for (int step = 16;",
            "__device__ __forceinline__ float warp_sum(float x) {\n#pragma unroll\n  for (int step = M(3) ? 8 : 16;", Wide),
        new(4, "training.cuh", "if (column < columns) action(k, column);",
            "if (column < columns + (M(4) ? 8 : 0)) action(k, column);", MixNorm),
        new(5, "norm.cu", "result.v[i] += inverse * (g.v[i] - n.v[i] * projection);",
            "result.v[i] += (M(5) ? 1 : inverse) * (g.v[i] - n.v[i] * projection);", c => Operations.RmsNorm(13, 24).Check(c)),
        new(6, "norm.cu", "if (dx0 == dx) add8(to_x, to_x0);", "if (dx0 == dx) { if (!M(6)) add8(to_x, to_x0); }",
            c => Operations.MixNorm(5, 24, true).Check(c)),
        new(7, "norm.cu", "Vec8 to_x = accumulate_x ? load8(dx + start + c) : zero8();",
            "Vec8 to_x = accumulate_x || M(7) ? load8(dx + start + c) : zero8();", MixNorm),
        new(8, "rotary.cu", "rotate8(a, b, cos_row, cos_row + half, -1);",
            "rotate8(a, b, cos_row, cos_row + half, M(8) ? 1 : -1);", Rotary),
        new(9, "rotary.cu", "(i64)((int)row % sequence)", "(i64)(M(9) ? 0 : (int)row % sequence)", Rotary),
        new(10, "rotary.cu", "for (int first = 0; first < heads; first += at_once)",
            "for (int first = 0; first < heads - (M(10) ? 1 : 0); first += at_once)",
            c => Operations.Qkv(new(1, 3, 4, 1, 128), 16, 8, true, false).Check(c, 1.5e-2)),
        new(11, "embedding.cu", "bool continued = tile_keys[0] == tile_keys[1];",
            "bool continued = M(11) ? false : tile_keys[0] == tile_keys[1];", Embedding),
        new(12, "embedding.cu", "i64 tiles = (low + Tile - 1) / Tile;",
            "i64 tiles = (low + Tile - 1) / Tile - (M(12) ? 1 : 0);", Embedding),
        new(13, "embedding.cu", "    before += all;\n    __syncthreads();",
            "    before += all;\n    if (!M(13)) __syncthreads();", c => Operations.Embedding(300, 8, 4200, false).Check(c)),
        new(14, "embedding.cu", "u32 four = words[first / 4];", "u32 four = words[first / 4] + (M(14) ? 256 : 0);", Embedding),
        new(15, "value_embedding.cu", "dz[row * heads + head] = valid ? product * g * (1 - g / 2) : 0;",
            "dz[row * heads + head] = valid ? product * g * (M(15) ? 1 : 1 - g / 2) : 0;", Values),
        new(16, "value_embedding.cu", "    __syncwarp();                                          // lane 0 wrote what all read",
            "    if (!M(16)) __syncwarp();", Values),
        new(17, "value_embedding.cu", "end = min(first + rows_per_block, (i64)rows);",
            "end = min(first + rows_per_block + (M(17) ? 1 : 0), (i64)rows);",
            c => Operations.Qkv(new(1, 300, 1, 1, 64), 16, 8, false, true).Check(c, 1.5e-2)),
        new(18, "cross_entropy.cu", "p * (1 - t * t) * scale", "p * (M(18) ? 1 : 1 - t * t) * scale", Loss),
        new(19, "cross_entropy.cu", "float scale = gradient_scale / *counted;",
            "float scale = gradient_scale / (*counted + (M(19) ? 1 : 0));", Loss),
        new(20, "cross_entropy.cu", "      if (c + i < vocabulary) sum +=",
            "      if (c + i < vocabulary || M(20)) sum +=", FreshLoss),
        new(21, "cross_entropy.cu", "if (c + i == target) p -= 1;", "if (c + i == target + (M(21) ? 1 : 0)) p -= 1;", Loss),
        new(22, "cross_entropy.cu", "if (gradients) for_logits<0>(padded, [&](int, int c) { store8(line + c, zero8()); });",
            "if (gradients && !M(22)) for_logits<0>(padded, [&](int, int c) { store8(line + c, zero8()); });", Loss),
        new(23, "optimizer.cu", "sqrtf(v * t.bias2)", "sqrtf(v * (M(23) ? 1 : t.bias2))",
            Optimizers(t => t.AdamW_ManyTensors_IsTheReference())),
        new(24, "optimizer.cu", "end = min(start + BlockElements, t.count);\n  for (i64 i = start + threadIdx.x * 4;",
            "end = min(start + BlockElements, t.count) - (M(24) ? 1 : 0);\n  for (i64 i = start + threadIdx.x * 4;",
            Optimizers(t => t.AdamW_ManyTensors_IsTheReference())),
        new(25, "optimizer.cu", "(update * p >= 0 ? decay * p : 0)", "(update * p >= 0 || M(25) ? decay * p : 0)",
            Optimizers(t => t.MuonMomentumAndUpdate_AnyShape_AreTheReference(24, 8, 3))),
        new(26, "optimizer.cu", "  parts[threadIdx.x] = sum;\n  __syncthreads();",
            "  parts[threadIdx.x] = sum;\n  if (!M(26)) __syncthreads();",
            Optimizers(t => t.MuonMomentumAndUpdate_AnyShape_AreTheReference(8, 40, 2))),
        new(27, "optimizer.cu", "norm[1] = limit > 0 && root > limit ? limit / root : 1;",
            "norm[1] = limit > 0 && (root > limit || M(27)) ? limit / root : 1;",
            Optimizers(t => t.ClipGradients_AnyLimit_IsTheReference(1e6))),
        new(28, "elementwise.cu", "return d * 2 * sqrtf(a);", "return d * (M(28) ? 1 : 2) * sqrtf(a);",
            c => Operations.Mlp(9, 16, 24).Check(c, 1.5e-2)),
    ];

    public static TheoryData<int> Numbers => [.. All.Select(m => m.Number)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Kernel_WithAMistake_DoesNotPass(int number)
    {
        EmulatorToolchain.Require();
        var mutation = All.Single(m => m.Number == number);
        CudaOptimizationTests.OpenBackend = () => EmulatedGpu.Open(Edit);
        try
        {
            using var cuda = EmulatedGpu.Open(Edit);
            EmulatedGpu.SetInModules("mutation", 0);
            mutation.Check(cuda); // the check itself is passed without the mistake
            EmulatedGpu.SetInModules("mutation", number);
            Assert.True(Enumerable.Range(0, 40).Any(seed => Fails(mutation, cuda, (ulong)seed)),
                $"mistake {number} in {mutation.File} was not noticed");
        }
        finally
        {
            EmulatedGpu.SetInModules("mutation", 0);
            EmulatedGpu.Set(9, 0, 0);
            EmulatedGpu.Recover();
            CudaOptimizationTests.OpenBackend = () => EmulatedGpu.Open();
        }
    }

    private static bool Fails(Mutation mutation, CudaBackend cuda, ulong seed)
    {
        EmulatedGpu.Set(9, 0, seed);
        try
        {
            mutation.Check(cuda);
            return false;
        }
        catch (Exception e) when (e is InvalidOperationException or Xunit.Sdk.XunitException or CudaException)
        {
            return true;
        }
    }

    private static string Edit(string file, string text)
    {
        text = text.Replace("#include \"training.cuh\"",
            EmulatorToolchain.KernelText("training.cuh").Replace("#pragma once", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
        foreach (var mutation in All.Where(m =>
            m.File == file || (m.File == "training.cuh" && text.Contains("block_sum", StringComparison.Ordinal))))
        {
            Assert.Contains(mutation.Old, text, StringComparison.Ordinal);
            text = text.Replace(mutation.Old, mutation.New, StringComparison.Ordinal);
        }

        return "extern \"C\" __attribute__((visibility(\"default\"))) int mutation;\nint mutation;\n"
            + "#define M(n) (mutation == n)\n" + text;
    }

    private static void MixNorm(CudaBackend cuda) => Operations.MixNorm(13, 24, false).Check(cuda);

    private static void Wide(CudaBackend cuda) => Operations.RmsNorm(5, 512).Check(cuda);

    private static void Rotary(CudaBackend cuda) => Operations.Qkv(Layout, 16, 8, true, false).Check(cuda, 1.5e-2);

    private static void Values(CudaBackend cuda) => Operations.Qkv(Layout, 16, 8, false, true).Check(cuda, 1.5e-2);

    private static void Embedding(CudaBackend cuda) => Operations.Embedding(300, 40, 330, true, 200).Check(cuda);

    private static void Loss(CudaBackend cuda) => Operations.CrossEntropy(9, 16, 37, 3, 3).Check(cuda, 2e-2);

    // On memory that nothing was written to yet: what lies beyond the vocabulary is NaN.
    private static void FreshLoss(CudaBackend cuda)
    {
        using var fresh = EmulatedGpu.Open(Edit);
        Loss(fresh);
    }

    private static Action<CudaBackend> Optimizers(Action<CudaOptimizationTests> test) => _ =>
    {
        using var tests = new CudaOptimizationTests();
        test(tests);
    };

    private sealed record Mutation(int Number, string File, string Old, string New, Action<CudaBackend> Check);
}
