// Attention forward for sm_80 and newer: cp.async, ldmatrix, mma.sync. The same function as attention_forward_sm90.cu.
//
// Defines    HEAD_DIM 64 or 128, CAUSAL 0 or 1
// Grid       (ceil(seq_q / ROWS), heads, batch), block 2 * ROWS: a warp for every 16 query rows
// Shared     SHARED_BYTES, dynamic: Q, and K and V of two blocks
// Parameter  AttentionForward, by value
#define WARPS (HEAD_DIM == 64 ? 4 : 8)
#include "attention_sm80.cuh"

constexpr int ROWS = 16 * WARPS, KEYS = 64;
constexpr u32 Q_BYTES = ROWS * D * 2, KV_BYTES = KEYS * D * 2;
constexpr u32 AT_K = Q_BYTES, AT_V = AT_K + 2 * KV_BYTES, SHARED_BYTES = AT_V + 2 * KV_BYTES;

struct AttentionForward {
  AttentionTensor q, k, v, o;
  AttentionMask mask;
  float* lse;                    // [batch, heads, seq_q]
  i32 heads, group;              // query heads; query heads per key head
  float scale_log2;              // scale * log2(e)
};

struct Rows {                    // the two rows of a thread, 8 apart
  int first[2], last[2];
  float maximum[2], sum[2];      // so far; the sum is this thread's part
};

// Turns scores into P = exp2(s * scale - maximum * scale) and multiplies O by what the new maximum asks for.
__device__ __forceinline__ void softmax_block(float (&s)[KEYS / 8][4], float (&o)[D / 8][4], Rows& rows, float scale) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float maximum = NEGATIVE_INFINITY, sum = 0;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++) maximum = fmaxf(maximum, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
    maximum = fmaxf(rows.maximum[r], quad_max(maximum));
    float offset = softmax_reference(maximum) * scale, rescale = exp2_approx(rows.maximum[r] * scale - offset);
    rows.maximum[r] = maximum;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
      for (int i = 2 * r; i < 2 * r + 2; i++) {
        s[n][i] = exp2_approx(s[n][i] * scale - offset);
        sum += s[n][i];
      }
    rows.sum[r] = rows.sum[r] * rescale + sum;
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
      o[n][2 * r] *= rescale;
      o[n][2 * r + 1] *= rescale;
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_forward_sm80(const __grid_constant__ AttentionForward p) {
  DYNAMIC_SHARED(shared);
  u32 memory = shared_address(shared);
  // longest first
  int row = (int)(gridDim.x - 1 - blockIdx.x) * ROWS, head = blockIdx.y, batch = blockIdx.z, kv_head = head / p.group;
  int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16;
  int2 blocks = mask_key_blocks(p.mask, batch, row, ROWS, KEYS);

  float o[D / 8][4] = {};
  Rows rows;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int line = row + warp_row + lane / 4 + 8 * r;
    rows.first[r] = mask_first(p.mask, batch, line);
    rows.last[r] = mask_last(p.mask, line);
    rows.maximum[r] = NEGATIVE_INFINITY;
    rows.sum[r] = 0;
  }
  int all_last = mask_last(p.mask, row + warp_row), all_first = mask_first(p.mask, batch, row + warp_row + 15);

  load_tile<ROWS>(memory, p.q, batch, head, row, p.mask.seq_q);
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
      load_tile<KEYS>(memory + AT_K + (stage ^ 1) * KV_BYTES, p.k, batch, kv_head, (j - 1) * KEYS, p.mask.seq_k);
      load_tile<KEYS>(memory + AT_V + (stage ^ 1) * KV_BYTES, p.v, batch, kv_head, (j - 1) * KEYS, p.mask.seq_k);
    }
    cp_async_commit();
    u32 k = memory + AT_K + stage * KV_BYTES, v = memory + AT_V + stage * KV_BYTES;
    float s[KEYS / 8][4] = {};
    product<KEYS, ROWS>(s, memory, warp_row, k);
    if (j * KEYS + KEYS - 1 > all_last || j * KEYS < all_first) mask_accumulators<KEYS>(s, rows.first, rows.last, j * KEYS);
    softmax_block(s, o, rows, p.scale_log2);
    weighted<KEYS>(o, s, v);
  }
  cp_async_wait<0>();
  __syncthreads();

  float inverse[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float sum = quad_sum(rows.sum[r]);
    inverse[r] = sum == 0 ? 0 : 1 / sum;
    int line = row + warp_row + lane / 4 + 8 * r;
    if (lane % 4 == 0 && line < p.mask.seq_q)
      p.lse[((i64)batch * p.heads + head) * p.mask.seq_q + line] =
        sum == 0 ? NEGATIVE_INFINITY : (rows.maximum[r] * p.scale_log2 + log2_approx(sum)) * LN2;
  }
  store_rows<ROWS>(p.o, batch, head, row + warp_row, p.mask.seq_q, memory, warp_row, o, inverse[0], inverse[1]);
}
