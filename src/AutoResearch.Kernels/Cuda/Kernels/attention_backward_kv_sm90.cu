// Gradients of keys and values for Hopper (sm_90a), and with REDUCE_DQ those of the queries as well.
//
//   dv = P^T do,  dk = scale * dS^T q,  dS = P * (do v^T - delta),  P = exp2(q k^T * scale_log2 - lse2)
//   One block owns 128 keys of one key head and loops over all queries that see them, head after head of its group: no atomics in
//   dk and dv. A consumer computes the transposed scores of its 64 keys, so that P^T and dS^T are register operands.
//   REDUCE_DQ: dS also goes through shared memory into dq = dS k, which is added to dq_sum in global memory by bulk reductions
//   (their order varies from run to run); attention_backward_convert turns the sums into bf16.
//
// Defines    HEAD_DIM 64 or 128, CAUSAL 0 or 1, REDUCE_DQ 0 or 1
// Grid       (ceil(seq_k / 128), kv_heads, batch), block 384: one producer and two consumer warpgroups
// Shared     SHARED_BYTES, dynamic
// Parameter  AttentionBackward, by value
#include "attention_backward_sm90.cuh"

constexpr int KEYS = 128, QUERIES = HEAD_DIM == 64 ? 128 : 64, STAGES = 2, THREADS = 384;
constexpr u32 WG_BYTES = 64 * D * 2, Q_BYTES = QUERIES * D * 2, ROW_BYTES = QUERIES * 4;
constexpr u32 DS_BYTES = KEYS * QUERIES * 2, DQ_BYTES = QUERIES * D * 4;
constexpr u32 AT_K = 0, AT_V = AT_K + 2 * WG_BYTES, AT_Q = AT_V + 2 * WG_BYTES, AT_DO = AT_Q + STAGES * Q_BYTES;
constexpr u32 AT_DS = AT_DO + STAGES * Q_BYTES, AT_DQ = AT_DS + (REDUCE_DQ ? DS_BYTES : 0);
constexpr u32 AT_LSE = AT_DQ + (REDUCE_DQ ? DQ_BYTES : 0), AT_DELTA = AT_LSE + STAGES * ROW_BYTES;
constexpr u32 AT_BARRIERS = AT_DELTA + STAGES * ROW_BYTES, SHARED_BYTES = AT_BARRIERS + 128;
constexpr u32 KV_FULL = 0, Q_FULL = 8, DO_FULL = Q_FULL + 8 * STAGES, EMPTY = DO_FULL + 8 * STAGES;
// Named barriers: dS written; dQ written (consumers to the storing warp); dQ memory free again; gradients written.
constexpr u32 BARRIER_DS = 1, BARRIER_DQ_FULL = 2, BARRIER_DQ_EMPTY = 3, BARRIER_STORE = 4;

struct Work { int key, kv_head, batch; int2 blocks; int count; };   // count = blocks of queries, over all heads of the group

__device__ __forceinline__ Work work_of(const AttentionBackward& p) {
  Work w{(int)blockIdx.x * KEYS, (int)blockIdx.y, (int)blockIdx.z, {}, 0};
  w.blocks = mask_query_blocks(p.mask, w.batch, w.key, KEYS, QUERIES);
  w.count = (w.blocks.y - w.blocks.x) * p.group;
  return w;
}

// Walks over the query blocks of each head of the group.
struct Cursor {
  int block, head;
  __device__ __forceinline__ Cursor(const AttentionBackward& p, const Work& w) : block(w.blocks.x), head(w.kv_head * p.group) {}
  __device__ __forceinline__ int row() const { return block * QUERIES; }
  __device__ __forceinline__ void next(const Work& w) {
    if (++block == w.blocks.y) { block = w.blocks.x; head++; }
  }
};

__device__ __forceinline__ void produce(const AttentionBackward& p, const Work& w, u32 memory) {
  u32 bars = memory + AT_BARRIERS;
  mbarrier_expect(bars + KV_FULL, 4 * WG_BYTES);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    load_tile<64, 64>(&p.k, memory + AT_K + half * WG_BYTES, bars + KV_FULL, w.key + half * 64, w.kv_head, w.batch);
    load_tile<64, 64>(&p.v, memory + AT_V + half * WG_BYTES, bars + KV_FULL, w.key + half * 64, w.kv_head, w.batch);
  }
  Ring<STAGES> ring;
  Cursor at(p, w);
  for (int n = 0; n < w.count; n++, ring.next(), at.next(w)) {
    u32 s = ring.stage;
    int head = at.head, row = at.row();
    i64 line = ((i64)w.batch * p.heads + head) * p.rows.padded + row;
    mbarrier_wait(bars + EMPTY + 8 * s, ring.phase ^ 1);
    mbarrier_expect(bars + Q_FULL + 8 * s, Q_BYTES + ROW_BYTES);
    load_tile<QUERIES, 64>(&p.q, memory + AT_Q + s * Q_BYTES, bars + Q_FULL + 8 * s, row, head, w.batch);
    bulk_load(memory + AT_LSE + s * ROW_BYTES, p.rows.lse + line, ROW_BYTES, bars + Q_FULL + 8 * s);
    mbarrier_expect(bars + DO_FULL + 8 * s, Q_BYTES + ROW_BYTES);
    load_tile<QUERIES, 64>(&p.dout, memory + AT_DO + s * Q_BYTES, bars + DO_FULL + 8 * s, row, head, w.batch);
    bulk_load(memory + AT_DELTA + s * ROW_BYTES, p.rows.delta + line, ROW_BYTES, bars + DO_FULL + 8 * s);
  }
}

#if REDUCE_DQ
// Adds each dQ block to global memory; one warp.
__device__ __forceinline__ void reduce_queries(const AttentionBackward& p, const Work& w, u32 memory) {
  if (w.count > 0) barrier_arrive(BARRIER_DQ_EMPTY, 256 + 32);
  Cursor at(p, w);
  for (int n = 0; n < w.count; n++, at.next(w)) {
    barrier_sync(BARRIER_DQ_FULL, 256 + 32);
    if (elect_one()) {
      bulk_reduce_add_f32(p.dq_sum + (((i64)w.batch * p.heads + at.head) * p.rows.padded + at.row()) * D, memory + AT_DQ,
          DQ_BYTES);
      bulk_commit();
      bulk_wait_read<0>();
    }
    __syncwarp();
    if (n + 1 < w.count) barrier_arrive(BARRIER_DQ_EMPTY, 256 + 32);
  }
}

// The consumer's part of dQ = dS K, 64 queries x 64 channels: D 64: its half of the 128 queries; D 128: its half of the channels.
__device__ __forceinline__ void issue_queries(float (&dq)[32], u32 memory, int wg) {
  u32 ds = memory + AT_DS + (D == 64 ? wg * KEYS * 128 : 0), k = memory + AT_K + (D == 64 ? 0 : wg * 64 * 128);
#pragma unroll
  for (int i = 0; i < KEYS / 16; i++)
    wgmma_ss<64, 1, 1>(dq, wgmma_descriptor(ds + i * 16 * 128, KEYS * 128, 1024),
                       wgmma_descriptor(k + i / 4 * WG_BYTES + i % 4 * 16 * 128, 64 * 128, 1024), i > 0);
}
#endif

__device__ __forceinline__ void consume(const AttentionBackward& p, const Work& w, u32 memory) {
  int wg = warpgroup() - 1, t = threadIdx.x % 128, lane = t % 32;
  u32 bars = memory + AT_BARRIERS, k = memory + AT_K + wg * WG_BYTES, v = memory + AT_V + wg * WG_BYTES;
  bool signals = t == 0;
  int key0 = w.key + wg * 64, first[2], last[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {                            // keys beyond the sequence are zero and seen by nobody
    int key = key0 + t / 32 * 16 + lane / 4 + 8 * r;
    first[r] = mask_first_query(p.mask, key);
    last[r] = key < p.mask.seq_k ? mask_last_query(p.mask, w.batch, key) : -1;
  }
  // Queries from all_first to all_last see all 64 keys.
  int all_first = mask_first_query(p.mask, key0 + 63),
      all_last = key0 + 63 < p.mask.seq_k ? mask_last_query(p.mask, w.batch, key0) : -1;

  float s[QUERIES / 2], dp[QUERIES / 2], dk[D / 2], dv[D / 2];
  u32 operand[QUERIES / 16][4], ds[QUERIES / 16][4];
#pragma unroll
  for (int i = 0; i < D / 2; i++) dk[i] = dv[i] = 0;

  Ring<STAGES> ring;
  Cursor at(p, w);
  mbarrier_wait(bars + KV_FULL, 0);
  for (int n = 0; n < w.count; n++, at.next(w)) {
    int row = at.row();
    u32 stage = ring.stage, q = memory + AT_Q + stage * Q_BYTES, dout = memory + AT_DO + stage * Q_BYTES;
    mbarrier_wait(bars + Q_FULL + 8 * stage, ring.phase);
    wgmma_fence();
    issue_product<QUERIES, 64>(s, k, q);
    wgmma_commit();
    mbarrier_wait(bars + DO_FULL + 8 * stage, ring.phase);
    wgmma_fence();
    issue_product<QUERIES, 64>(dp, v, dout);
    wgmma_commit();
    wgmma_wait<1>();                                       // S^T

    mask_accumulators<QUERIES>(s, first, last, row, row + QUERIES - 1 > all_last, row < all_first);
    u32 at_lse = memory + AT_LSE + stage * ROW_BYTES + lane % 4 * 8,
        at_delta = memory + AT_DELTA + stage * ROW_BYTES + lane % 4 * 8;
#pragma unroll
    for (int b = 0; b < QUERIES / 8; b++) {
      float2 lse = load_shared_f32x2(at_lse + b * 32);
#pragma unroll
      for (int i = 4 * b; i < 4 * b + 4; i++) s[i] = exp2_approx(s[i] * p.scale_log2 - (i & 1 ? lse.y : lse.x));
    }
    pack_operand<QUERIES>(operand, s);
    wgmma_fence();
    issue_weighted<QUERIES>(dv, operand, dout);
    wgmma_commit();
    wgmma_wait<1>();                                       // dP^T
#pragma unroll
    for (int b = 0; b < QUERIES / 8; b++) {
      float2 delta = load_shared_f32x2(at_delta + b * 32);
#pragma unroll
      for (int i = 4 * b; i < 4 * b + 4; i++) s[i] *= dp[i] - (i & 1 ? delta.y : delta.x);
    }
    pack_operand<QUERIES>(ds, s);

#if REDUCE_DQ
    write_accumulators<QUERIES, KEYS>(memory + AT_DS + wg * 64 * 128, s, 1, 1);
    fence_proxy_async();
    barrier_sync(BARRIER_DS, 256);
    float dq[32];
    wgmma_fence();
    issue_queries(dq, memory, wg);
    wgmma_commit();
#endif
    wgmma_fence();
    issue_weighted<QUERIES>(dk, ds, q);
    wgmma_commit();
#if REDUCE_DQ
    wgmma_wait<1>();                                       // dQ, and dV
    barrier_sync(BARRIER_DQ_EMPTY, 256 + 32);               // the last dQ is on its way, and all have read dS
    u32 to = memory + AT_DQ + wg * (DQ_BYTES / 2) + t * 16;
#pragma unroll
    for (int i = 0; i < 8; i++)
      store_shared_f32x4(to + i * 128 * 16, make_float4(dq[4 * i], dq[4 * i + 1], dq[4 * i + 2], dq[4 * i + 3]));
    fence_proxy_async();
    barrier_arrive(BARRIER_DQ_FULL, 256 + 32);
#endif
    wgmma_wait<0>();                                       // dK
    if (signals) mbarrier_arrive(bars + EMPTY + 8 * stage);
    ring.next();
  }

  // The keys may be overwritten: with REDUCE_DQ both consumers have met after their last dQ (BARRIER_DQ_EMPTY).
  write_accumulators<D, 64>(k, dk, p.scale, p.scale);
  write_accumulators<D, 64>(v, dv, 1, 1);
  fence_proxy_async();
  barrier_sync(BARRIER_STORE + wg, 128);
  if (signals && key0 < p.mask.seq_k) {
    store_tile(&p.dk, k, key0, w.kv_head, w.batch);
    store_tile(&p.dv, v, key0, w.kv_head, w.batch);
    bulk_commit();
    bulk_wait_read<0>();
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_backward_kv_sm90(const __grid_constant__ AttentionBackward p) {
  DYNAMIC_SHARED(shared);
  u32 memory = shared_address(shared), bars = memory + AT_BARRIERS;
  if (threadIdx.x == 0) {
    if (memory & 1023) __trap();
    mbarrier_init(bars + KV_FULL, 1);
    for (int s = 0; s < STAGES; s++) {
      mbarrier_init(bars + Q_FULL + 8 * s, 1);
      mbarrier_init(bars + DO_FULL + 8 * s, 1);
      mbarrier_init(bars + EMPTY + 8 * s, 2);
    }
    fence_mbarrier_init();
  }
  __syncthreads();
  Work w = work_of(p);
  if (threadIdx.x < 128) {
    setmaxnreg_dec<24>();
    if (threadIdx.x < 32) {
      if (elect_one()) produce(p, w, memory);
    }
#if REDUCE_DQ
    else if (threadIdx.x < 64) reduce_queries(p, w, memory);
#endif
  } else {
    setmaxnreg_inc<240>();
    consume(p, w, memory);
  }
}
