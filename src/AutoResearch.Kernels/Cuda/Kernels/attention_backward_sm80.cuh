// Parameter of the backward kernels for sm_80 and newer.
#pragma once
#include "attention_sm80.cuh"
#include "attention_backward.cuh"

struct AttentionBackward {
  AttentionTensor q, k, v, dout, dq, dk, dv;
  AttentionMask mask;
  AttentionRows rows;
  i32 heads, group;              // query heads; query heads per key head
  float scale, scale_log2;       // scale, scale * log2(e)
};
