// Gradient of the queries for sm_80 and newer, without atomics; with attention_backward_kv_sm80 the backward pass.
//
// Defines    HEAD_DIM 64 or 128, CAUSAL 0 or 1
// Grid       (ceil(seq_q / 64), heads, batch), block 128: four warps of 16 query rows each
// Shared     SHARED_BYTES, dynamic: q, do, and K and V of two blocks
// Parameter  AttentionBackward, by value
#include "attention_backward_sm80.cuh"

constexpr int ROWS = 64, KEYS = 64;
constexpr u32 TILE_BYTES = 64 * D * 2, AT_DO = TILE_BYTES, AT_K = 2 * TILE_BYTES, AT_V = 4 * TILE_BYTES,
    SHARED_BYTES = 6 * TILE_BYTES;

extern "C" __global__ void __launch_bounds__(THREADS) attention_backward_q_sm80(const __grid_constant__ AttentionBackward p) {
  DYNAMIC_SHARED(shared);
  u32 memory = shared_address(shared);
  // longest first
  int row = (int)(gridDim.x - 1 - blockIdx.x) * ROWS, head = blockIdx.y, batch = blockIdx.z, kv_head = head / p.group;
  int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16;
  int2 blocks = mask_key_blocks(p.mask, batch, row, ROWS, KEYS);

  int first[2], last[2];
  float lse[2], delta[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int line = row + warp_row + lane / 4 + 8 * r;
    i64 at = ((i64)batch * p.heads + head) * p.rows.padded + line;
    first[r] = mask_first(p.mask, batch, line);
    last[r] = mask_last(p.mask, line);
    lse[r] = p.rows.lse[at];
    delta[r] = p.rows.delta[at];
  }
  int all_last = mask_last(p.mask, row + warp_row), all_first = mask_first(p.mask, batch, row + warp_row + 15);

  float dq[D / 8][4] = {};
  load_tile<ROWS>(memory, p.q, batch, head, row, p.mask.seq_q);
  load_tile<ROWS>(memory + AT_DO, p.dout, batch, head, row, p.mask.seq_q);
  if (blocks.y > blocks.x) {
    load_tile<KEYS>(memory + AT_K, p.k, batch, kv_head, (blocks.y - 1) * KEYS, p.mask.seq_k);
    load_tile<KEYS>(memory + AT_V, p.v, batch, kv_head, (blocks.y - 1) * KEYS, p.mask.seq_k);
  }
  cp_async_commit();
  u32 stage = 0;
  for (int j = blocks.y - 1; j >= blocks.x; j--, stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads();                                       // the block has arrived, and nobody reads the one before any more
    if (j > blocks.x) {
      load_tile<KEYS>(memory + AT_K + (stage ^ 1) * TILE_BYTES, p.k, batch, kv_head, (j - 1) * KEYS, p.mask.seq_k);
      load_tile<KEYS>(memory + AT_V + (stage ^ 1) * TILE_BYTES, p.v, batch, kv_head, (j - 1) * KEYS, p.mask.seq_k);
    }
    cp_async_commit();
    float s[KEYS / 8][4] = {}, dp[KEYS / 8][4] = {};
    product<KEYS, ROWS>(s, memory, warp_row, memory + AT_K + stage * TILE_BYTES);
    product<KEYS, ROWS>(dp, memory + AT_DO, warp_row, memory + AT_V + stage * TILE_BYTES);
    if (j * KEYS + KEYS - 1 > all_last || j * KEYS < all_first) mask_accumulators<KEYS>(s, first, last, j * KEYS);
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) s[n][i] = exp2_approx(s[n][i] * p.scale_log2 - lse[i / 2]) * (dp[n][i] - delta[i / 2]);
    weighted<KEYS>(dq, s, memory + AT_K + stage * TILE_BYTES);
  }
  cp_async_wait<0>();
  __syncthreads();
  store_rows<ROWS>(p.dq, batch, head, row + warp_row, p.mask.seq_q, memory, warp_row, dq, p.scale, p.scale);
}
