namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Mistakes in the forward kernels that the tests on the emulator must notice.</summary>
public sealed class AttentionForwardMutationTests
{
    private const string Kernel = "attention_forward_sm90.cu", Shared = "attention_sm90.cuh", Mask = "attention.cuh";

    /// <summary>Gets the names of the mutants.</summary>
    public static IEnumerable<TheoryDataRow<string>> Names => AttentionMutant.Names(Mutants);

    private static AttentionMutant[] Mutants { get; } =
    [
        // Waits and arrivals.
        new("K not waited for", Kernel, ("mbarrier_wait(bars + K_FULL + 8 * keys.stage, keys.phase);", ";")),
        new("V not waited for", Kernel, ("mbarrier_wait(bars + V_FULL + 8 * values.stage, values.phase);", "")),
        new("Q not waited for", Kernel, ("mbarrier_wait(bars + Q_FULL, n & 1);", "")),
        new("K never handed back", Kernel, ("if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * keys.stage);", "")),
        new("V never handed back", Kernel, ("if (signals) mbarrier_arrive(bars + V_EMPTY + 8 * values.stage);", "")),
        new("Q never handed back", Kernel, ("if (signals) mbarrier_arrive(bars + Q_EMPTY);", "")),
        new("K overwritten", Kernel, ("mbarrier_wait(bars + K_EMPTY + 8 * s, ring.phase ^ 1);", "")),
        new("V overwritten", Kernel, ("mbarrier_wait(bars + V_EMPTY + 8 * s, ring.phase ^ 1);", "")),
        new("Q overwritten", Kernel, ("mbarrier_wait(bars + Q_EMPTY, (n & 1) ^ 1);", "")),
        new("K handed back before it is read", Kernel,
            ("wgmma_wait<0>();\n      if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * keys.stage);",
             "if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * keys.stage);\n      wgmma_wait<0>();")),
        new("Half of the bytes announced", Kernel,
            ("mbarrier_expect(bars + K_FULL + 8 * s, KV_BYTES);", "mbarrier_expect(bars + K_FULL + 8 * s, KV_BYTES / 2);")),
        new("Barrier for one consumer", Kernel,
            ("mbarrier_init(bars + K_EMPTY + 8 * s, CONSUMERS);", "mbarrier_init(bars + K_EMPTY + 8 * s, 1);")),
        new("Barriers not published", Kernel, ("fence_mbarrier_init();", "")),
        new("No block barrier after the barriers' initialisation", Kernel,
            ("  }\n  __syncthreads();\n  if (threadIdx.x < 128)", "  }\n  if (threadIdx.x < 128)")),
        new("Phase of the ring never flips", Shared, ("phase ^= 1;", "")),
        new("S read before it is there", Kernel, ("wgmma_wait<1>();", "")),
        new("O rescaled while P V runs", Kernel, ("wgmma_wait<0>();\n        if (signals) mbarrier_arrive(bars + V_EMPTY",
            "if (signals) mbarrier_arrive(bars + V_EMPTY")),
        new("Products never committed", Kernel, ("wgmma_commit();", "")),
        new("No wgmma.fence", Kernel, ("wgmma_fence();", "")),
        new("Turn never passed on", Kernel, ("barrier_arrive(next, 256);", "")),
        new("Nobody has the first turn", Kernel, ("if (wg == CONSUMERS - 1) barrier_arrive(BARRIER_TURN, 256);", "")),
        new("Too many registers", Kernel, ("CONSUMER_REGISTERS = 160", "CONSUMER_REGISTERS = 168")),

        // Operands.
        new("Descriptor: stride of 8 rows", Shared, ("i % 4 * 32, 16, 1024),\n", "i % 4 * 32, 16, 512),\n")),
        new("Descriptor: depth step", Shared, ("+ i % 4 * 32, 16, 1024), i > 0", "+ i % 4 * 16, 16, 1024), i > 0")),
        new("Descriptor: distance of the channel chunks of V", Shared, ("Depth * 128, 1024), 1)", "Depth * 64, 1024), 1)"))
        {
            HeadDim = 128,
        },
        new("Second half of the channels", Shared, ("i / 4 * N * 128", "i / 4 * 64 * 128")) { HeadDim = 128 },
        new("S accumulated over blocks", Shared, ("1024), i > 0);", "1024), 1);")),
        new("Registers of P in the wrong order", Shared, ("x[i * 8 + r * 2], x[i * 8 + r * 2 + 1]",
            "x[i * 8 + (r * 2 + r / 2) % 4 * 2], x[i * 8 + (r * 2 + r / 2) % 4 * 2 + 1]")),
        new("Head of another group", Kernel, ("tile.head / p.group", "tile.head")),

        // Softmax.
        new("O not rescaled", Kernel, ("o[i] *= i & 2 ? rescale.y : rescale.x;", ";")),
        new("O rescaled by the other row's factor", Kernel, ("i & 2 ? rescale.y : rescale.x", "i & 2 ? rescale.x : rescale.y")),
        new("Sum not rescaled", Kernel, ("rows.sum[r] * rescale[r] + (x + y)", "rows.sum[r] + (x + y)")),
        new("Sum of one thread", Kernel, ("quad_sum(rows.sum[r])", "rows.sum[r]")),
        new("Maximum of two threads", Mask, ("x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));\n", "")),
        new("Maximum of rows without keys", Mask, ("maximum == NEGATIVE_INFINITY ? 0.f : maximum", "maximum")),
        new("Rows without keys divided by 0", Kernel, ("sum == 0 ? 0 : 1 / sum", "1 / sum")),
        new("Log-sum-exp of rows without keys", Kernel, ("sum == 0 ? NEGATIVE_INFINITY", "sum == 0 ? 0")),

        // Masks.
        new("Own key hidden", Shared, ("> (i & 2 ? last1 : last0)", ">= (i & 2 ? last1 : last0)")),
        new("Edge of the window hidden", Shared, ("< (i & 2 ? first1 : first0)", "<= (i & 2 ? first1 : first0)")),
        new("Window one key longer", Mask, ("row + m.diagonal - m.window)", "row + m.diagonal - m.window - 1)")),
        new("Diagonal ignored", Mask, ("min(row, m.seq_q - 1) + m.diagonal", "min(row, m.seq_q - 1)")),
        new("Documents ignored", Mask, ("return m.start ? max(", "return false ? max(")),
        new("Documents of the first sequence", Mask,
            ("max(first, m.start[(i64)batch * m.seq_q + row])", "max(first, m.start[row])")),
        new("Diagonal blocks taken for whole ones", Kernel, ("j * KEYS + KEYS - 1 > all_last", "j * KEYS > all_last")),
        new("Window blocks taken for whole ones", Kernel, ("j * KEYS < all_first", "j * KEYS + KEYS < all_first")),

        // Tiles and output.
        new("A tile left out", Kernel, ("n & 1 ? gridDim.x - 1 - blockIdx.x", "n & 1 ? gridDim.x - blockIdx.x")),
        new("Output not published", Kernel, ("fence_proxy_async();\n", "")),
        new("Output sent before it is written", Kernel,
            ("fence_proxy_async();\n  barrier_sync(BARRIER_STORE + wg, 128);", "fence_proxy_async();")),
        new("Output overwritten before it is sent", Kernel, ("if (stores) bulk_wait_read<0>();", "")),
        new("Block ends before its output is read", Kernel, ("  if (signals) bulk_wait_read<0>();\n}", "}")),
    ];

    private static AttentionMutant[] Ampere { get; } =
    [
        new("sm_80: blocks not waited for", "attention_forward_sm80.cu",
            ("cp_async_wait<0>();\n    __syncthreads(); ", "__syncthreads(); ")),
        new("sm_80: other threads' copies not waited for", "attention_forward_sm80.cu", ("    __syncthreads();  ", "  ")),
        new("sm_80: the block in use overwritten", "attention_forward_sm80.cu",
            ("AT_K + (stage ^ 1) * KV_BYTES", "AT_K + stage * KV_BYTES")),
        new("sm_80: rows beyond the sequence", "attention_sm80.cuh", ("bool valid = row + r < limit;", "bool valid = true;")),
        new("sm_80: V not transposed", "attention_sm80.cuh", ("ldmatrix_x4_trans(", "ldmatrix_x4(")),
        new("sm_80: fragments of K swapped", "attention_sm80.cuh",
            ("lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2", "lane % 16, k * 2 + lane / 16")),
        new("sm_80: fragments of Q swapped", "attention_sm80.cuh",
            ("tile_unit<Rows>(tile, row + lane % 16, k * 2 + lane / 16), a",
                "tile_unit<Rows>(tile, row + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2), a")),
        new("sm_80: own key hidden", "attention_sm80.cuh", ("c > last[i / 2]", "c >= last[i / 2]")),
        new("sm_80: sum not rescaled", "attention_forward_sm80.cu", ("rows.sum[r] * rescale + sum", "rows.sum[r] + sum")),
        new("sm_80: O not rescaled", "attention_forward_sm80.cu", ("o[n][2 * r] *= rescale;", ";")),
        new("sm_80: head of another group", "attention_forward_sm80.cu", ("kv_head = head / p.group", "kv_head = head")),
        new("sm_80: output before Q has landed", "attention_forward_sm80.cu",
            ("  cp_async_wait<0>();\n  __syncthreads();\n\n", "")),
        new("sm_80: lanes not synchronised around the output", "attention_sm80.cuh", ("  __syncwarp();\n", "")),
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void Emulator_MutatedHopperKernel_ShowsIt(string name) => AttentionMutant.Check(Mutants, name);

    [Fact]
    public void Emulator_MutatedAmpereKernels_ShowThem() => AttentionMutant.CheckAmpere(Ampere);
}
