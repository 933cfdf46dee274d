// What all attention kernels share: which keys a query sees, and the parts of the softmax.
#pragma once
#include "ptx.cuh"

#ifndef CAUSAL
#define CAUSAL 1
#endif

constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
// A number, not infinity: the LSE of rows without keys, multiplied by 0, must stay finite inside kernels.
#define NEGATIVE_INFINITY (-INFINITY)

// [batch, seq, heads, HEAD_DIM] with any strides, in elements.
struct AttentionTensor {
  bf16* data;
  i64 row, head, batch;
  __device__ __forceinline__ bf16* at(int b, int h, int r) const { return data + b * batch + h * head + r * row; }
};

// Query i sees the keys first(i) ... last(i), both inclusive; an empty range where first > last.
//   causal       last  = i + diagonal           (diagonal = seq_k - seq_q: the last query sees the last key)
//   window >= 0  first = i + diagonal - window  (window + 1 keys with the diagonal)
//   start        first = start[batch][i], the first key of the query's document; never decreasing along i
struct AttentionMask {
  const i32* start;              // [batch, seq_q] or null
  i32 seq_q, seq_k;
  i32 window;                    // negative: no limit
  i32 diagonal;
};

__device__ __forceinline__ int mask_first(const AttentionMask& m, int batch, int row) {
  row = min(row, m.seq_q - 1);
  int first = m.window < 0 ? 0 : max(0, row + m.diagonal - m.window);
  return m.start ? max(first, m.start[(i64)batch * m.seq_q + row]) : first;
}

__device__ __forceinline__ int mask_last(const AttentionMask& m, int row) {
  return CAUSAL ? min(min(row, m.seq_q - 1) + m.diagonal, m.seq_k - 1) : m.seq_k - 1;
}

// Blocks of `size` keys that some query of rows ... rows + count - 1 sees: begin ... end - 1.
__device__ __forceinline__ int2 mask_key_blocks(const AttentionMask& m, int batch, int row, int count, int size) {
  int last = mask_last(m, row + count - 1), first = mask_first(m, batch, row);
  return last < first ? make_int2(0, 0) : make_int2(first / size, last / size + 1);
}

// Largest, then exp2 of the difference: the running maximum of a row that has seen no key is -inf and counts as 0.
__device__ __forceinline__ float softmax_reference(float maximum) { return maximum == NEGATIVE_INFINITY ? 0.f : maximum; }

// Over the four lanes that share a row of an accumulator tile.
__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}

// Query rows i that see key j are first ... last, both inclusive, the mirror image of the above.
__device__ __forceinline__ int mask_first_query(const AttentionMask& m, int key) {
  return CAUSAL ? max(0, key - m.diagonal) : 0;
}

__device__ __forceinline__ int mask_last_query(const AttentionMask& m, int batch, int key) {
  int last = m.seq_q - 1;
  if (m.window >= 0) last = min(last, key - m.diagonal + m.window);
  if (!m.start) return last;
  int low = 0, high = last + 1;                            // the first query whose document starts after the key
  while (low < high) {
    int middle = (low + high) / 2;
    if (m.start[(i64)batch * m.seq_q + middle] > key) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

// Blocks of `size` queries that see some key of key ... key + count - 1: begin ... end - 1.
__device__ __forceinline__ int2 mask_query_blocks(const AttentionMask& m, int batch, int key, int count, int size) {
  int last = mask_last_query(m, batch, min(key + count, m.seq_k) - 1), first = mask_first_query(m, key);
  return last < first ? make_int2(0, 0) : make_int2(first / size, last / size + 1);
}
