// Parameters of the backward kernels.
#pragma once
#include "attention.cuh"

// Rows of `lse` and `delta` are padded to a multiple of 128 queries.
constexpr int ROW_PADDING = 128;

struct AttentionRows {
  const float* lse;              // [batch, heads, padded]: lse * log2(e); +infinity where a row has no key, so that P is 0
  const float* delta;            // [batch, heads, padded]: sum over the channels of o * do
  i32 padded;
};
