// What both backward kernels need of each row: delta = sum of o * do, and the log-sum-exp in base 2.
//
// Defines    HEAD_DIM 64 or 128
// Grid       (ceil(padded / (256 / (HEAD_DIM / 8))), heads, batch), block 256, no shared memory
// Parameter  AttentionPrepare, by value. Writes every element of lse2 and delta, also those beyond seq_q.
#include "attention_backward.cuh"

constexpr int LANES = HEAD_DIM / 8, ROWS = 256 / LANES;    // 16 bytes a lane

struct AttentionPrepare {
  AttentionTensor o, dout;
  const float* lse;              // [batch, heads, seq_q]
  float* lse2;                   // [batch, heads, padded]
  float* delta;
  i32 seq_q, padded;
};

__device__ __forceinline__ float dot2(u32 a, u32 b) { return bf16_low(a) * bf16_low(b) + bf16_high(a) * bf16_high(b); }

extern "C" __global__ void __launch_bounds__(256) attention_backward_prepare(const AttentionPrepare p) {
  int row = blockIdx.x * ROWS + threadIdx.x / LANES, lane = threadIdx.x % LANES, head = blockIdx.y, batch = blockIdx.z;
  float sum = 0;
  if (row < p.seq_q) {
    uint4 o = load_global_u32x4(p.o.at(batch, head, row) + lane * 8);
    uint4 g = load_global_u32x4(p.dout.at(batch, head, row) + lane * 8);
    sum = dot2(o.x, g.x) + dot2(o.y, g.y) + dot2(o.z, g.z) + dot2(o.w, g.w);
  }
#pragma unroll
  for (int x = LANES / 2; x; x /= 2) sum += __shfl_xor_sync(~0u, sum, x);
  if (lane == 0 && row < p.padded) {
    i64 line = (i64)batch * gridDim.y + head, at = line * p.padded + row;
    float lse = row < p.seq_q ? p.lse[line * p.seq_q + row] : NEGATIVE_INFINITY;
    p.delta[at] = sum;
    p.lse2[at] = lse == NEGATIVE_INFINITY ? INFINITY : lse * LOG2E;
  }
}
