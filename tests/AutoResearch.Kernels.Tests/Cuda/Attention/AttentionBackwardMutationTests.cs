namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Mistakes in the backward kernels that the tests on the emulator must notice.</summary>
public sealed class AttentionBackwardMutationTests
{
    private const string Keys = "attention_backward_kv_sm90.cu", Queries = "attention_backward_q_sm90.cu", Mask = "attention.cuh",
        Prepare = "attention_backward_prepare.cu", Convert = "attention_backward_convert.cu";

    /// <summary>Gets the names of the mutants.</summary>
    public static IEnumerable<TheoryDataRow<string>> Names => AttentionMutant.Names(Mutants);

    private static AttentionMutant[] Mutants { get; } =
    [
        // Keys and values.
        Deterministic("K and V not waited for", Keys, ("mbarrier_wait(bars + KV_FULL, 0);", "")),
        Deterministic("q not waited for", Keys, ("mbarrier_wait(bars + Q_FULL + 8 * stage, ring.phase);", "")),
        Deterministic("do not waited for", Keys, ("mbarrier_wait(bars + DO_FULL + 8 * stage, ring.phase);", "")),
        Deterministic("Block never handed back", Keys, ("if (signals) mbarrier_arrive(bars + EMPTY + 8 * stage);", "")),
        Deterministic("Block overwritten", Keys, ("mbarrier_wait(bars + EMPTY + 8 * s, ring.phase ^ 1);", "")),
        Deterministic("S read before it is there", Keys, ("wgmma_wait<1>();                                       // S^T", "")),
        Deterministic("dP read before it is there", Keys, ("wgmma_wait<1>();                                       // dP^T", "")),
        Deterministic("Block handed back before dK has read it", Keys,
            ("wgmma_wait<0>();                                       // dK", "")),
        Deterministic("lse of the wrong query", Keys, ("(i & 1 ? lse.y : lse.x)", "(i & 2 ? lse.y : lse.x)")),
        Deterministic("delta forgotten", Keys, ("dp[i] - (i & 1 ? delta.y : delta.x)", "dp[i]")),
        Deterministic("dk not scaled", Keys, ("(k, dk, p.scale, p.scale)", "(k, dk, 1, 1)")),
        Deterministic("One head of the group", Keys, ("block = w.blocks.x; head++;", "block = w.blocks.x;")),
        Deterministic("Gradients not published", Keys, ("(v, dv, 1, 1);\n  fence_proxy_async();", "(v, dv, 1, 1);")),
        Deterministic("First query hidden", Mask, ("max(0, key - m.diagonal)", "max(0, key - m.diagonal + 1)")),
        Deterministic("Last query of the window hidden", Mask,
            ("key - m.diagonal + m.window", "key - m.diagonal + m.window - 1")),
        Deterministic("First query of the next document seen", Mask, ("+ middle] > key", "+ middle] > key + 1")),
        Deterministic("Keys beyond the block taken for seen", Keys, ("row < all_first", "row + 64 < all_first")),

        // dq by reduction.
        Fast("dS not published", Keys, ("s, 1, 1);\n    fence_proxy_async();", "s, 1, 1);")),
        Fast("dS of the other consumer not waited for", Keys, ("barrier_sync(BARRIER_DS, 256);", "")),
        Fast("dS overwritten while the other consumer reads it", Keys,
            ("    barrier_sync(BARRIER_DQ_EMPTY, 256 + 32); ", "    if (n > 0) barrier_sync(BARRIER_DQ_EMPTY, 256 + 32); "),
            ("  if (w.count > 0) barrier_arrive(BARRIER_DQ_EMPTY, 256 + 32);", "")),
        Fast("dQ overwritten while it is added", Keys,
            ("      bulk_wait_read<0>();\n    }\n    __syncwarp();", "    }\n    __syncwarp();")),
        Fast("dQ added before it is written", Keys, ("    barrier_sync(BARRIER_DQ_FULL, 256 + 32);", ""),
            ("    barrier_arrive(BARRIER_DQ_FULL, 256 + 32);", "")),
        Fast("dQ read before it is there", Keys, ("wgmma_wait<1>();                                       // dQ, and dV", "")),
        Fast("dS of the other consumer", Keys, ("(D == 64 ? wg * KEYS * 128 : 0)", "(D == 64 ? 0 : 0)")),
        Fast("Depth step of dS", Keys, ("wgmma_descriptor(ds + i * 16 * 128", "wgmma_descriptor(ds + i * 8 * 128")),
        Fast("Second half of the keys", Keys, ("k + i / 4 * WG_BYTES", "k + i / 8 * WG_BYTES")),
        Fast("dq not scaled", Convert, ("x.x * p.scale", "x.x")),
        Fast("Rows beyond the sequence written", Convert, ("if (row + 8 < p.seq_q)", "")),
        Fast("Rows swapped", Convert, ("pack_bf16(x.z * p.scale, x.w * p.scale)", "pack_bf16(x.x * p.scale, x.y * p.scale)")),

        // Queries, deterministic.
        Deterministic("K of dq not waited for", Queries, ("mbarrier_wait(bars + K_FULL + 8 * ring.stage, ring.phase);", ";")),
        Deterministic("V of dq not waited for", Queries, ("mbarrier_wait(bars + V_FULL + 8 * stage, phase);", "")),
        Deterministic("q and do not waited for", Queries, ("mbarrier_wait(bars + Q_FULL, 0);", "")),
        Deterministic("K never handed back", Queries, ("if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * stage);", "")),
        Deterministic("V never handed back", Queries, ("if (signals) mbarrier_arrive(bars + V_EMPTY + 8 * stage);", "")),
        Deterministic("K overwritten", Queries, ("mbarrier_wait(bars + K_EMPTY + 8 * s, ring.phase ^ 1);", "")),
        Deterministic("dP of dq read before it is there", Queries,
            ("wgmma_wait<0>();                                       // dP", "")),
        Deterministic("K handed back before dQ has read it", Queries,
            ("wgmma_wait<0>();                                       // dQ", "")),
        Deterministic("lse of the other row", Queries, ("i & 2 ? lse[1] : lse[0]", "i & 2 ? lse[0] : lse[1]")),
        Deterministic("dq not scaled, deterministic", Queries, ("p.scale, p.scale)", "1, 1)")),
        Deterministic("Key head of another group", Queries, ("w.head / p.group", "w.head")),

        // Preparation.
        Deterministic("Rows without keys have P", Prepare, ("lse == NEGATIVE_INFINITY ? INFINITY : lse * LOG2E", "lse * LOG2E")),
        Deterministic("lse of rows beyond the sequence", Prepare,
            ("row < p.seq_q ? p.lse[line * p.seq_q + row] : NEGATIVE_INFINITY", "p.lse[line * p.seq_q + row]")),
        Deterministic("delta of half of the channels", Prepare, ("int x = LANES / 2; x; x /= 2", "int x = LANES / 4; x; x /= 2")),
        Deterministic("lse in base e", Prepare, ("lse * LOG2E", "lse")),
    ];

    private static AttentionMutant[] Ampere { get; } =
    [
        Deterministic("sm_80 kv: blocks not waited for", "attention_backward_kv_sm80.cu",
            ("cp_async_wait<0>();\n    __syncthreads(); ", "__syncthreads(); ")),
        Deterministic("sm_80 kv: other threads' copies", "attention_backward_kv_sm80.cu", ("    __syncthreads();  ", "  ")),
        Deterministic("sm_80 kv: the block in use overwritten", "attention_backward_kv_sm80.cu",
            ("(n + 1) % 2 * STAGE_BYTES", "n % 2 * STAGE_BYTES")),
        Deterministic("sm_80 kv: delta of the next query", "attention_backward_kv_sm80.cu",
            ("i & 1 ? delta.y : delta.x", "delta.x")),
        Deterministic("sm_80 kv: K overwritten while others read it", "attention_backward_kv_sm80.cu",
            ("row < all_first", "row + 16 < all_first")),
        Deterministic("sm_80 q: blocks not waited for", "attention_backward_q_sm80.cu",
            ("cp_async_wait<0>();\n    __syncthreads(); ", "__syncthreads(); ")),
        Deterministic("sm_80 q: the block in use overwritten", "attention_backward_q_sm80.cu",
            ("AT_K + (stage ^ 1) * TILE_BYTES", "AT_K + stage * TILE_BYTES")),
        Deterministic("sm_80 q: first key of the block", "attention_backward_q_sm80.cu",
            ("(dq, s, memory + AT_K + stage", "(dq, s, memory + AT_V + stage")),
        Deterministic("sm_80 q: delta forgotten", "attention_backward_q_sm80.cu", ("(dp[n][i] - delta[i / 2])", "dp[n][i]")),
        Deterministic("sm_80 q: own key hidden", "attention_sm80.cuh", ("c > last[i / 2]", "c >= last[i / 2]")),
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void Emulator_MutatedHopperKernel_ShowsIt(string name) => AttentionMutant.Check(Mutants, name);

    [Fact]
    public void Emulator_MutatedAmpereKernels_ShowThem() => AttentionMutant.CheckAmpere(Ampere);

    private static AttentionMutant Deterministic(string name, string file, params (string Find, string Replace)[] edits) =>
        new(name, file, edits) { Runs = AttentionMutant.Pass.Deterministic };

    private static AttentionMutant Fast(string name, string file, params (string Find, string Replace)[] edits) =>
        new(name, file, edits) { Runs = AttentionMutant.Pass.Fast };
}
