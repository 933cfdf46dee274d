// Gradients of keys and values for sm_80 and newer; with attention_backward_q_sm80 the backward pass. No atomics: deterministic.
// One block owns 64 keys of one key head and loops over the queries that see them, head after head of its group; a warp computes
// the transposed scores of 16 keys, so that P^T and dS^T are register operands.
//
// Defines    HEAD_DIM 64 or 128, CAUSAL 0 or 1
// Grid       (ceil(seq_k / 64), kv_heads, batch), block 128
// Shared     SHARED_BYTES, dynamic: K, V, and q, do, lse, delta of two blocks
// Parameter  AttentionBackward, by value
#include "attention_backward_sm80.cuh"

constexpr int KEYS = 64, QUERIES = HEAD_DIM == 64 ? 64 : 32;
constexpr u32 KV_BYTES = KEYS * D * 2, Q_BYTES = QUERIES * D * 2, ROW_BYTES = QUERIES * 4,
    STAGE_BYTES = 2 * Q_BYTES + 2 * ROW_BYTES;
constexpr u32 AT_V = KV_BYTES, AT_STAGES = AT_V + KV_BYTES, SHARED_BYTES = AT_STAGES + 2 * STAGE_BYTES;
constexpr u32 AT_DO = Q_BYTES, AT_LSE = AT_DO + Q_BYTES, AT_DELTA = AT_LSE + ROW_BYTES;   // in a stage

__device__ __forceinline__ void load_queries(const AttentionBackward& p, u32 stage, int batch, int head, int row) {
  load_tile<QUERIES>(stage, p.q, batch, head, row, p.mask.seq_q);
  load_tile<QUERIES>(stage + AT_DO, p.dout, batch, head, row, p.mask.seq_q);
  i64 at = ((i64)batch * p.heads + head) * p.rows.padded + row;
  int t = threadIdx.x;
  if (t < QUERIES / 4) cp_async_16(stage + AT_LSE + t * 16, p.rows.lse + at + t * 4);
  else if (t < QUERIES / 2) cp_async_16(stage + AT_DELTA + (t - QUERIES / 4) * 16, p.rows.delta + at + (t - QUERIES / 4) * 4);
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_backward_kv_sm80(const __grid_constant__ AttentionBackward p) {
  DYNAMIC_SHARED(shared);
  u32 memory = shared_address(shared);
  int key = blockIdx.x * KEYS, kv_head = blockIdx.y, batch = blockIdx.z, lane = threadIdx.x % 32,
      warp_key = threadIdx.x / 32 * 16;
  int2 blocks = mask_query_blocks(p.mask, batch, key, KEYS, QUERIES);
  int per_head = blocks.y - blocks.x, count = per_head * p.group;

  int first[2], last[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int at = key + warp_key + lane / 4 + 8 * r;
    first[r] = mask_first_query(p.mask, at);
    last[r] = at < p.mask.seq_k ? mask_last_query(p.mask, batch, at) : -1;
  }
  int top = key + warp_key + 15;                           // queries from all_first to all_last see the warp's 16 keys
  int all_first = mask_first_query(p.mask, top),
      all_last = top < p.mask.seq_k ? mask_last_query(p.mask, batch, key + warp_key) : -1;

  float dk[D / 8][4] = {}, dv[D / 8][4] = {};
  load_tile<KEYS>(memory, p.k, batch, kv_head, key, p.mask.seq_k);
  load_tile<KEYS>(memory + AT_V, p.v, batch, kv_head, key, p.mask.seq_k);
  if (count > 0) load_queries(p, memory + AT_STAGES, batch, kv_head * p.group, blocks.x * QUERIES);
  cp_async_commit();
  for (int n = 0; n < count; n++) {
    cp_async_wait<0>();
    __syncthreads();                                       // the block has arrived, and nobody reads the one before any more
    if (n + 1 < count)
      load_queries(p, memory + AT_STAGES + (n + 1) % 2 * STAGE_BYTES, batch, kv_head * p.group + (n + 1) / per_head,
                   (blocks.x + (n + 1) % per_head) * QUERIES);
    cp_async_commit();
    u32 q = memory + AT_STAGES + n % 2 * STAGE_BYTES;
    int row = (blocks.x + n % per_head) * QUERIES;

    float s[QUERIES / 8][4] = {};
    product<QUERIES, KEYS>(s, memory, warp_key, q);
    if (row + QUERIES - 1 > all_last || row < all_first) mask_accumulators<QUERIES>(s, first, last, row);
#pragma unroll
    for (int b = 0; b < QUERIES / 8; b++) {
      float2 lse = load_shared_f32x2(q + AT_LSE + b * 32 + lane % 4 * 8);
#pragma unroll
      for (int i = 0; i < 4; i++) s[b][i] = exp2_approx(s[b][i] * p.scale_log2 - (i & 1 ? lse.y : lse.x));
    }
    weighted<QUERIES>(dv, s, q + AT_DO);

    float dp[QUERIES / 8][4] = {};
    product<QUERIES, KEYS>(dp, memory + AT_V, warp_key, q + AT_DO);
#pragma unroll
    for (int b = 0; b < QUERIES / 8; b++) {
      float2 delta = load_shared_f32x2(q + AT_DELTA + b * 32 + lane % 4 * 8);
#pragma unroll
      for (int i = 0; i < 4; i++) s[b][i] *= dp[b][i] - (i & 1 ? delta.y : delta.x);
    }
    weighted<QUERIES>(dk, s, q);
  }
  cp_async_wait<0>();
  __syncthreads();
  store_rows<KEYS>(p.dk, batch, kv_head, key + warp_key, p.mask.seq_k, memory, warp_key, dk, p.scale, p.scale);
  store_rows<KEYS>(p.dv, batch, kv_head, key + warp_key, p.mask.seq_k, memory + AT_V, warp_key, dv, 1, 1);
}
