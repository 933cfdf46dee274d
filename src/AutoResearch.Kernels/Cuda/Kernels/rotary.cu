// Rotary embedding and normalisation of the query and key heads of the fused buffer, in place. One warp per token; a head is
// spread over headDim / 16 lanes, each with a vector of the first and one of the second half, so that a pair is in one lane.
#include "training.cuh"

__device__ __forceinline__ void rotate8(Vec8& a, Vec8& b, const float* cos_row, const float* sin_row, float direction) {
#pragma unroll
  for (int i = 0; i < 8; i += 4) {
    float4 c = *(const float4*)(cos_row + i), s = *(const float4*)(sin_row + i);
    float cs[4] = {c.x, c.y, c.z, c.w}, sn[4] = {s.x, s.y, s.z, s.w};
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float x = a.v[i + j], y = b.v[i + j], sine = direction * sn[j];
      a.v[i + j] = x * cs[j] + y * sine;
      b.v[i + j] = y * cs[j] - x * sine;
    }
  }
}

template <bool Backward> __device__ __forceinline__ void rotary(
    bf16* data, const bf16* normed, const float* table, float* inverse_rms, int tokens, int sequence, int heads, int head_dim,
    int columns) {
  int lanes = head_dim / 16, half = head_dim / 2, lane = threadIdx.x % Lanes, at_once = Lanes / lanes;
  for (i64 row = first_row(); row < tokens; row += row_step()) {
    const float* cos_row = table + (i64)((int)row % sequence) * head_dim + (lane % lanes) * 8;
    for (int first = 0; first < heads; first += at_once) {
      int head = first + lane / lanes;
      bool active = head < heads;                          // all lanes take part in the sums
      i64 start = row * columns + (i64)head * head_dim + (lane % lanes) * 8;
      Vec8 a = zero8(), b = zero8();
      if (active) {
        a = load8(data + start);
        b = load8(data + start + half);
      }
      if constexpr (Backward) {
        Vec8 na = zero8(), nb = zero8();
        if (active) {
          na = load8(normed + start);
          nb = load8(normed + start + half);
        }
        float projection = group_sum(dot8(a, na) + dot8(b, nb), lanes) / head_dim;
        if (!active) continue;
        float inverse = inverse_rms[row * heads + head];
#pragma unroll
        for (int i = 0; i < 8; i++) {
          a.v[i] = inverse * (a.v[i] - na.v[i] * projection);
          b.v[i] = inverse * (b.v[i] - nb.v[i] * projection);
        }
        rotate8(a, b, cos_row, cos_row + half, -1);
      } else {
        rotate8(a, b, cos_row, cos_row + half, 1);
        float inverse = rsqrtf(group_sum(dot8(a, a) + dot8(b, b), lanes) / head_dim + NormEpsilon);
        if (!active) continue;
        if (lane % lanes == 0) inverse_rms[row * heads + head] = inverse;
#pragma unroll
        for (int i = 0; i < 8; i++) {
          a.v[i] *= inverse;
          b.v[i] *= inverse;
        }
      }
      store8(data + start, a);
      store8(data + start + half, b);
    }
  }
}

// heads: query and key heads together; columns: row length of the fused buffer; head_dim: 16 · a power of two, at most 512.
extern "C" __global__ void __launch_bounds__(256) rotary_norm(
    bf16* qkv, const float* table, float* inverse_rms, int tokens, int sequence, int heads, int head_dim, int columns) {
  rotary<false>(qkv, nullptr, table, inverse_rms, tokens, sequence, heads, head_dim, columns);
}

extern "C" __global__ void __launch_bounds__(256) rotary_norm_backward(
    bf16* dqkv, const bf16* qkv, const float* table, float* inverse_rms, int tokens, int sequence, int heads, int head_dim,
    int columns) {
  rotary<true>(dqkv, qkv, table, inverse_rms, tokens, sequence, heads, head_dim, columns);
}
