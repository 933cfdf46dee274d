// Parameter of the Hopper backward kernels.
#pragma once
#include "attention_sm90.cuh"
#include "attention_backward.cuh"

// Tensor maps 4-D (HEAD_DIM, seq, heads, batch) of bf16, 128-byte swizzle, boxes (64, 64, 1, 1).
struct AttentionBackward {
  TensorMap q, k, v, dout, dq, dk, dv;
  AttentionMask mask;
  AttentionRows rows;
  // reduce-add mode: fp32 [batch, heads, padded / 64, 64 * HEAD_DIM], zero, in the order of the kernel
  float* dq_sum;
  i32 heads, group;              // query heads; query heads per key head
  float scale, scale_log2;       // scale, scale * log2(e)
};
