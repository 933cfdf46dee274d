// Passes over plain arrays. Vectors of 8 where all addresses are 16-byte aligned, single elements otherwise and at the end.
#include "training.cuh"

__device__ __forceinline__ float get(const float* p, i64 i) { return p[i]; }
__device__ __forceinline__ float get(const bf16* p, i64 i) { return bf16_to_float(p[i]); }
__device__ __forceinline__ void put(float* p, i64 i, float x) { p[i] = x; }
__device__ __forceinline__ void put(bf16* p, i64 i, float x) { p[i] = float_to_bf16(x); }

__device__ __forceinline__ Vec8 get8(const bf16* p) { return load8(p); }
__device__ __forceinline__ Vec8 get8(const float* p) {
  float4 a = *(const float4*)p, b = *(const float4*)(p + 4);
  return {{a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w}};
}
__device__ __forceinline__ void put8(bf16* p, const Vec8& x) { store8(p, x); }
__device__ __forceinline__ void put8(float* p, const Vec8& x) {
  *(float4*)p = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]);
  *(float4*)(p + 4) = make_float4(x.v[4], x.v[5], x.v[6], x.v[7]);
}

__device__ __forceinline__ bool aligned16(const void* a, const void* b) { return (((u64)a | (u64)b) & 15) == 0; }

// target[i] = function(source[i], target[i])
template <class Source, class Target, class Function>
__device__ __forceinline__ void for_each(const Source* source, Target* target, i64 count, Function function) {
  i64 vectors = aligned16(source, target) ? count / 8 : 0;
  i64 thread = (i64)blockIdx.x * blockDim.x + threadIdx.x, threads = (i64)gridDim.x * blockDim.x;
  for (i64 i = thread; i < vectors; i += threads) {
    Vec8 a = get8(source + i * 8), b = get8(target + i * 8);
#pragma unroll
    for (int j = 0; j < 8; j++) b.v[j] = function(a.v[j], b.v[j]);
    put8(target + i * 8, b);
  }
  for (i64 i = vectors * 8 + thread; i < count; i += threads) put(target, i, function(get(source, i), get(target, i)));
}

struct Plus { __device__ __forceinline__ float operator()(float a, float b) const { return a + b; } };
struct First { __device__ __forceinline__ float operator()(float a, float) const { return a; } };

#define ADD(NAME, SOURCE, TARGET)                                                                               \
  extern "C" __global__ void __launch_bounds__(256) NAME(const SOURCE* x, TARGET* sum, i64 count) {             \
    for_each(x, sum, count, Plus());                                                                            \
  }
ADD(add_f32_f32, float, float)
ADD(add_f32_bf16, float, bf16)
ADD(add_bf16_f32, bf16, float)
ADD(add_bf16_bf16, bf16, bf16)

// Rounds parameters to the matrix units' type.
extern "C" __global__ void __launch_bounds__(256) round_to_bf16(const float* x, bf16* y, i64 count) {
  for_each(x, y, count, First());
}

extern "C" __global__ void __launch_bounds__(256) scale_f32(float* x, i64 count, float factor) {
  for_each(x, x, count, [=](float a, float) { return a * factor; });
}

// Soft cap: cap · tanh(x / cap), written with one exponential and one reciprocal; exact at both ends.
extern "C" __global__ void __launch_bounds__(256) softcap_bf16(bf16* x, i64 count, float cap) {
  float rate = 2 * 1.44269504f / cap;
  for_each(x, x, count, [=](float a, float) { return cap - 2 * cap * rcp_approx(1 + exp2_approx(a * rate)); });
}

// max(0, x)² in place.
extern "C" __global__ void __launch_bounds__(256) relu_squared(bf16* x, i64 count) {
  for_each(x, x, count, [](float a, float) {
    float positive = a < 0 ? 0 : a;                        // a NaN stays
    return positive * positive;
  });
}

// dx · 2 · sqrt(activated): the gradient before max(0, x)², of which only the result is kept.
extern "C" __global__ void __launch_bounds__(256) relu_squared_backward(const bf16* activated, bf16* dx, i64 count) {
  for_each(activated, dx, count, [](float a, float d) { return d * 2 * sqrtf(a); });
}
