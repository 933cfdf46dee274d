// Turns the sums of attention_backward_kv_sm90 with REDUCE_DQ into dq in bf16.
//
// Defines    HEAD_DIM 64 or 128
// Grid       (padded / QUERIES, heads, batch) with QUERIES = 128 for HEAD_DIM 64, else 64; block 256, no shared memory
// Parameter  AttentionConvert, by value
#include "attention_backward.cuh"

constexpr int D = HEAD_DIM, QUERIES = D == 64 ? 128 : 64;

struct AttentionConvert {
  const float* dq_sum;           // [batch, heads, padded / QUERIES, 2, 8, 128, 4]: consumer, part of its accumulators, thread
  AttentionTensor dq;
  i32 seq_q, padded;
  float scale;
};

extern "C" __global__ void __launch_bounds__(256) attention_backward_convert(const AttentionConvert p) {
  int wg = threadIdx.x / 128, t = threadIdx.x % 128, lane = t % 32;
  i64 line = (i64)blockIdx.z * gridDim.y + blockIdx.y;
  const float* from = p.dq_sum + (line * p.padded + (i64)blockIdx.x * QUERIES) * D + wg * (QUERIES * D / 2) + t * 4;
  int row = blockIdx.x * QUERIES + (D == 64 ? wg * 64 : 0) + t / 32 * 16 + lane / 4,
      column = (D == 64 ? 0 : wg * 64) + lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < 8; i++) {
    float4 x = *(const float4*)(from + i * 512);
    if (row < p.seq_q) *(u32*)(p.dq.at(blockIdx.z, blockIdx.y, row) + column + i * 8) = pack_bf16(x.x * p.scale, x.y * p.scale);
    if (row + 8 < p.seq_q)
      *(u32*)(p.dq.at(blockIdx.z, blockIdx.y, row + 8) + column + i * 8) = pack_bf16(x.z * p.scale, x.w * p.scale);
  }
}
