// RMS normalisation of rows, alone and together with the mixing of the residual stream. One warp per row.
#include "training.cuh"

// The second half of a normalisation: inverse norm and normed row from the sum of squares. What of the row was
// kept is not read again.
template <int V> __device__ __forceinline__ void write_normed(
    const bf16* row, const Vec8 (&kept_row)[kept(V)], float squares, bf16* normed, float* inverse_rms, int columns) {
  float inverse = rsqrtf(warp_sum(squares) / columns + NormEpsilon);
  if (threadIdx.x % Lanes == 0) *inverse_rms = inverse;
  for_vectors<V>(columns, [&](int k, int c) {
    Vec8 v = V ? kept_row[k] : load8(row + c);
#pragma unroll
    for (int i = 0; i < 8; i++) v.v[i] *= inverse;
    store8(normed + c, v);
  });
}

// mean(dy · y) of a row, the first half of a normalisation's gradient. Keeps what it read.
template <int V> __device__ __forceinline__ float mean_product(
    const bf16* dy, const bf16* y, Vec8 (&kept_dy)[kept(V)], Vec8 (&kept_y)[kept(V)], int columns) {
  float product = 0;
  for_vectors<V>(columns, [&](int k, int c) {
    kept_dy[k] = load8(dy + c);
    kept_y[k] = load8(y + c);
    product += dot8(kept_dy[k], kept_y[k]);
  });
  return warp_sum(product) / columns;
}

template <int V> __device__ __forceinline__ void rms_norm(const bf16* x, bf16* y, float* inverse_rms, i64 rows, int columns) {
  for (i64 row = first_row(); row < rows; row += row_step()) {
    const bf16* source = x + row * columns;
    Vec8 kept_x[kept(V)];
    float squares = 0;
    for_vectors<V>(columns, [&](int k, int c) {
      kept_x[k] = load8(source + c);
      squares += dot8(kept_x[k], kept_x[k]);
    });
    write_normed<V>(source, kept_x, squares, y + row * columns, inverse_rms + row, columns);
  }
}

#define DEFINE(V)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256)                                                                 \
  rms_norm_##V(const bf16* x, bf16* y, float* inverse_rms, i64 rows, int columns) {                                 \
    rms_norm<V>(x, y, inverse_rms, rows, columns);                                                                  \
  }
FOR_ROW_LENGTHS(DEFINE)
#undef DEFINE

// dx (+)= inverse · (dy − y · mean(dy · y))
template <int V> __device__ __forceinline__ void rms_norm_backward(
    const bf16* dy, const bf16* y, const float* inverse_rms, bf16* dx, i64 rows, int columns, int accumulate) {
  for (i64 row = first_row(); row < rows; row += row_step()) {
    i64 start = row * columns;
    Vec8 kept_dy[kept(V)], kept_y[kept(V)];
    float projection = mean_product<V>(dy + start, y + start, kept_dy, kept_y, columns), inverse = inverse_rms[row];
    for_vectors<V>(columns, [&](int k, int c) {
      Vec8 g = V ? kept_dy[k] : load8(dy + start + c), n = V ? kept_y[k] : load8(y + start + c);
      Vec8 result = accumulate ? load8(dx + start + c) : zero8();
#pragma unroll
      for (int i = 0; i < 8; i++) result.v[i] += inverse * (g.v[i] - n.v[i] * projection);
      store8(dx + start + c, result);
    });
  }
}

#define DEFINE(V)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256) rms_norm_backward_##V(                                          \
      const bf16* dy, const bf16* y, const float* inverse_rms, bf16* dx, i64 rows, int columns, int accumulate) {   \
    rms_norm_backward<V>(dy, y, inverse_rms, dx, rows, columns, accumulate);                                        \
  }
FOR_ROW_LENGTHS(DEFINE)
#undef DEFINE

// mixed = residual_scale · x + input_scale · x0, normed = its normalisation. The norm is that of the rounded, stored row.
template <int V> __device__ __forceinline__ void mix_norm(
    const bf16* x, const bf16* x0, const float* residual_scale, const float* input_scale, bf16* mixed, bf16* normed,
    float* inverse_rms, i64 rows, int columns) {
  float a = *residual_scale, b = *input_scale;
  for (i64 row = first_row(); row < rows; row += row_step()) {
    i64 start = row * columns;
    Vec8 kept_mixed[kept(V)];
    float squares = 0;
    for_vectors<V>(columns, [&](int k, int c) {
      Vec8 u = load8(x + start + c), w = load8(x0 + start + c);
#pragma unroll
      for (int i = 0; i < 8; i++) u.v[i] = a * u.v[i] + b * w.v[i];
      uint4 bits = pack8(u);
      store_global_u32x4(mixed + start + c, bits);
      kept_mixed[k] = unpack8(bits);
      squares += dot8(kept_mixed[k], kept_mixed[k]);
    });
    write_normed<V>(mixed + start, kept_mixed, squares, normed + start, inverse_rms + row, columns);
  }
}

#define DEFINE(V)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256) mix_norm_##V(                                                   \
      const bf16* x, const bf16* x0, const float* residual_scale, const float* input_scale, bf16* mixed,            \
      bf16* normed, float* inverse_rms, i64 rows, int columns) {                                                    \
    mix_norm<V>(x, x0, residual_scale, input_scale, mixed, normed, inverse_rms, rows, columns);                     \
  }
FOR_ROW_LENGTHS(DEFINE)
#undef DEFINE

// With g = inverse · (d_normed − normed · mean(d_normed · normed)) + d_mixed: dx (+)= residual_scale · g, dx0 (+)= input_scale ·
// g, and a sum of g · x and of g · x0 per block. dx may be d_mixed or dx0.
template <int V> __device__ __forceinline__ void mix_norm_backward(
    const bf16* d_mixed, const bf16* d_normed, const bf16* normed, const float* inverse_rms, const bf16* x, const bf16* x0,
    const float* residual_scale, const float* input_scale, bf16* dx, int accumulate_x, bf16* dx0, int accumulate_x0,
    float* partials, i64 rows, int columns, float* scratch) {
  float a = *residual_scale, b = *input_scale, sum_x = 0, sum_x0 = 0;
  for (i64 row = first_row(); row < rows; row += row_step()) {
    i64 start = row * columns;
    Vec8 kept_g[kept(V)], kept_n[kept(V)];
    float projection = mean_product<V>(d_normed + start, normed + start, kept_g, kept_n, columns), inverse = inverse_rms[row];
    for_vectors<V>(columns, [&](int k, int c) {
      Vec8 g = V ? kept_g[k] : load8(d_normed + start + c), n = V ? kept_n[k] : load8(normed + start + c);
      Vec8 u = load8(x + start + c), w = load8(x0 + start + c);
      Vec8 through = d_mixed ? load8(d_mixed + start + c) : zero8();
      Vec8 to_x = accumulate_x ? load8(dx + start + c) : zero8();
      Vec8 to_x0 = accumulate_x0 && dx0 != dx ? load8(dx0 + start + c) : zero8();
#pragma unroll
      for (int i = 0; i < 8; i++) {
        float d = inverse * (g.v[i] - n.v[i] * projection) + through.v[i];
        sum_x = fmaf(d, u.v[i], sum_x);
        sum_x0 = fmaf(d, w.v[i], sum_x0);
        to_x.v[i] = fmaf(a, d, to_x.v[i]);
        to_x0.v[i] = fmaf(b, d, to_x0.v[i]);
      }
      if (dx0 == dx) add8(to_x, to_x0);
      else store8(dx0 + start + c, to_x0);
      store8(dx + start + c, to_x);
    });
  }
  sum_x = block_sum(sum_x, scratch);
  sum_x0 = block_sum(sum_x0, scratch);
  if (threadIdx.x == 0) {
    partials[blockIdx.x * 2] = sum_x;
    partials[blockIdx.x * 2 + 1] = sum_x0;
  }
}

#define DEFINE(V)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256) mix_norm_backward_##V(                                          \
      const bf16* d_mixed, const bf16* d_normed, const bf16* normed, const float* inverse_rms, const bf16* x,       \
      const bf16* x0, const float* residual_scale, const float* input_scale, bf16* dx, int accumulate_x, bf16* dx0, \
      int accumulate_x0, float* partials, i64 rows, int columns) {                                                  \
    __shared__ float scratch[8];                                                                                    \
    mix_norm_backward<V>(d_mixed, d_normed, normed, inverse_rms, x, x0, residual_scale, input_scale, dx,            \
                         accumulate_x, dx0, accumulate_x0, partials, rows, columns, scratch);                       \
  }
FOR_ROW_LENGTHS(DEFINE)
#undef DEFINE

// One block: adds the sums of the blocks, taken in order, to the gradients of the two scalars. Either may be null.
extern "C" __global__ void __launch_bounds__(256) mix_norm_scales(const float* partials, int blocks, float* d_residual,
    float* d_input) {
  __shared__ double scratch[8];
  double sum_x = 0, sum_x0 = 0;
  for (int i = threadIdx.x; i < blocks; i += blockDim.x) {
    sum_x += partials[i * 2];
    sum_x0 += partials[i * 2 + 1];
  }
  sum_x = block_sum(sum_x, scratch);
  sum_x0 = block_sum(sum_x0, scratch);
  if (threadIdx.x != 0) return;
  if (d_residual) *d_residual += (float)sum_x;
  if (d_input) *d_input += (float)sum_x0;
}
