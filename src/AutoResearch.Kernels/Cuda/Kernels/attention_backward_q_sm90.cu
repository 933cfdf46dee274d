// Gradient of the queries for Hopper (sm_90a), without atomics: with attention_backward_kv_sm90 the deterministic backward pass.
//
//   dq = scale * dS k,  dS = P * (do v^T - delta): one block owns 128 queries of one head and loops over the keys that they see.
//
// Defines    HEAD_DIM 64 or 128, CAUSAL 0 or 1
// Grid       (ceil(seq_q / 128), heads, batch), block 384: one producer and two consumer warpgroups
// Shared     SHARED_BYTES, dynamic
// Parameter  AttentionBackward, by value
#include "attention_backward_sm90.cuh"

constexpr int ROWS = 128, KEYS = 128, STAGES = 2, THREADS = 384;
constexpr u32 WG_BYTES = 64 * D * 2, KV_BYTES = KEYS * D * 2;
constexpr u32 AT_Q = 0, AT_DO = AT_Q + 2 * WG_BYTES, AT_K = AT_DO + 2 * WG_BYTES, AT_V = AT_K + STAGES * KV_BYTES;
constexpr u32 AT_BARRIERS = AT_V + STAGES * KV_BYTES, SHARED_BYTES = AT_BARRIERS + 128;
constexpr u32 Q_FULL = 0, K_FULL = 8, V_FULL = K_FULL + 8 * STAGES, K_EMPTY = V_FULL + 8 * STAGES, V_EMPTY = K_EMPTY + 8 * STAGES;
constexpr u32 BARRIER_STORE = 1;

struct Work { int row, head, batch; int2 blocks; };

__device__ __forceinline__ void produce(const AttentionBackward& p, const Work& w, u32 memory) {
  u32 bars = memory + AT_BARRIERS;
  mbarrier_expect(bars + Q_FULL, 4 * WG_BYTES);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    load_tile<64, 64>(&p.q, memory + AT_Q + half * WG_BYTES, bars + Q_FULL, w.row + half * 64, w.head, w.batch);
    load_tile<64, 64>(&p.dout, memory + AT_DO + half * WG_BYTES, bars + Q_FULL, w.row + half * 64, w.head, w.batch);
  }
  Ring<STAGES> ring;
  for (int j = w.blocks.y - 1; j >= w.blocks.x; j--, ring.next()) {
    u32 s = ring.stage;
    mbarrier_wait(bars + K_EMPTY + 8 * s, ring.phase ^ 1);
    mbarrier_expect(bars + K_FULL + 8 * s, KV_BYTES);
    load_tile<KEYS, 64>(&p.k, memory + AT_K + s * KV_BYTES, bars + K_FULL + 8 * s, j * KEYS, w.head / p.group, w.batch);
    mbarrier_wait(bars + V_EMPTY + 8 * s, ring.phase ^ 1);
    mbarrier_expect(bars + V_FULL + 8 * s, KV_BYTES);
    load_tile<KEYS, 64>(&p.v, memory + AT_V + s * KV_BYTES, bars + V_FULL + 8 * s, j * KEYS, w.head / p.group, w.batch);
  }
}

__device__ __forceinline__ void consume(const AttentionBackward& p, const Work& w, u32 memory) {
  int wg = warpgroup() - 1, t = threadIdx.x % 128, lane = t % 32, row0 = w.row + wg * 64;
  u32 bars = memory + AT_BARRIERS, q = memory + AT_Q + wg * WG_BYTES, dout = memory + AT_DO + wg * WG_BYTES;
  bool signals = t == 0;
  int first[2], last[2];
  float lse[2], delta[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int row = row0 + t / 32 * 16 + lane / 4 + 8 * r;
    i64 at = ((i64)w.batch * p.heads + w.head) * p.rows.padded + row;
    first[r] = mask_first(p.mask, w.batch, row);
    last[r] = mask_last(p.mask, row);
    lse[r] = p.rows.lse[at];
    delta[r] = p.rows.delta[at];
  }
  int all_last = mask_last(p.mask, row0), all_first = mask_first(p.mask, w.batch, row0 + 63);
  float s[KEYS / 2], dp[KEYS / 2], dq[D / 2];
  u32 ds[KEYS / 16][4];
#pragma unroll
  for (int i = 0; i < D / 2; i++) dq[i] = 0;

  Ring<STAGES> ring;
  mbarrier_wait(bars + Q_FULL, 0);
  if (w.blocks.y > w.blocks.x) mbarrier_wait(bars + K_FULL, 0);
  for (int j = w.blocks.y - 1; j >= w.blocks.x; j--) {
    u32 stage = ring.stage, phase = ring.phase, k = memory + AT_K + stage * KV_BYTES;
    wgmma_fence();
    issue_product<KEYS, 64>(s, q, k);
    wgmma_commit();
    mbarrier_wait(bars + V_FULL + 8 * stage, phase);
    wgmma_fence();
    issue_product<KEYS, 64>(dp, dout, memory + AT_V + stage * KV_BYTES);
    wgmma_commit();
    wgmma_wait<1>();                                       // S
    mask_accumulators<KEYS>(s, first, last, j * KEYS, j * KEYS + KEYS - 1 > all_last, j * KEYS < all_first);
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) s[i] = exp2_approx(s[i] * p.scale_log2 - (i & 2 ? lse[1] : lse[0]));
    // The exponentials run beside dP: the compiler would move the wait for it ahead of them, but not across this branch.
    keep_in_registers(s);
    ring.next();
    if (j > w.blocks.x) mbarrier_wait(bars + K_FULL + 8 * ring.stage, ring.phase);
    wgmma_wait<0>();                                       // dP
    if (signals) mbarrier_arrive(bars + V_EMPTY + 8 * stage);
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) s[i] *= dp[i] - (i & 2 ? delta[1] : delta[0]);
    pack_operand<KEYS>(ds, s);
    wgmma_fence();
    issue_weighted<KEYS>(dq, ds, k);
    wgmma_commit();
    wgmma_wait<0>();                                       // dQ
    if (signals) mbarrier_arrive(bars + K_EMPTY + 8 * stage);
  }

  write_accumulators<D, 64>(q, dq, p.scale, p.scale);
  fence_proxy_async();
  barrier_sync(BARRIER_STORE + wg, 128);
  if (signals && row0 < p.mask.seq_q) {
    store_tile(&p.dq, q, row0, w.head, w.batch);
    bulk_commit();
    bulk_wait_read<0>();
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_backward_q_sm90(const __grid_constant__ AttentionBackward p) {
  DYNAMIC_SHARED(shared);
  u32 memory = shared_address(shared), bars = memory + AT_BARRIERS;
  if (threadIdx.x == 0) {
    if (memory & 1023) __trap();
    mbarrier_init(bars + Q_FULL, 1);
    for (int s = 0; s < STAGES; s++) {
      mbarrier_init(bars + K_FULL + 8 * s, 1);
      mbarrier_init(bars + V_FULL + 8 * s, 1);
      mbarrier_init(bars + K_EMPTY + 8 * s, 2);
      mbarrier_init(bars + V_EMPTY + 8 * s, 2);
    }
    fence_mbarrier_init();
  }
  __syncthreads();
  Work w{(int)(gridDim.x - 1 - blockIdx.x) * ROWS, (int)blockIdx.y, (int)blockIdx.z, {}};   // longest first
  w.blocks = mask_key_blocks(p.mask, w.batch, w.row, ROWS, KEYS);
  if (threadIdx.x < 128) {
    setmaxnreg_dec<24>();
    if (threadIdx.x < 32 && elect_one()) produce(p, w, memory);
  } else {
    setmaxnreg_inc<240>();
    consume(p, w, memory);
  }
}
