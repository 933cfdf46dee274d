// What the kernels of the training path share: rows of bf16 in registers, reductions, faults.
//
// A row is read as vectors of 8 bf16 (16 bytes); columns are multiples of 8. Arithmetic is in fp32 and every sum has one order,
// so that the same inputs give the same bits.
#pragma once
#include "ptx.cuh"

constexpr int Lanes = 32;
constexpr u32 AllLanes = 0xffffffffu;
constexpr float NormEpsilon = 1.1920929e-07f;

struct Vec8 { float v[8]; };

__device__ __forceinline__ Vec8 unpack8(uint4 bits) {
  return {{bf16_low(bits.x), bf16_high(bits.x), bf16_low(bits.y), bf16_high(bits.y),
           bf16_low(bits.z), bf16_high(bits.z), bf16_low(bits.w), bf16_high(bits.w)}};
}

__device__ __forceinline__ uint4 pack8(const Vec8& x) {
  return make_uint4(pack_bf16(x.v[0], x.v[1]), pack_bf16(x.v[2], x.v[3]), pack_bf16(x.v[4], x.v[5]), pack_bf16(x.v[6], x.v[7]));
}

__device__ __forceinline__ Vec8 load8(const bf16* p) { return unpack8(load_global_u32x4(p)); }

__device__ __forceinline__ void store8(bf16* p, const Vec8& x) { store_global_u32x4(p, pack8(x)); }

__device__ __forceinline__ Vec8 zero8() { return {{0, 0, 0, 0, 0, 0, 0, 0}}; }

__device__ __forceinline__ void add8(Vec8& sum, const Vec8& x) {
#pragma unroll
  for (int i = 0; i < 8; i++) sum.v[i] += x.v[i];
}

__device__ __forceinline__ float dot8(const Vec8& a, const Vec8& b) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 8; i++) sum = fmaf(a.v[i], b.v[i], sum);
  return sum;
}

// ------------------------------------------------------------------------------------------------ reductions
// Over the lanes of each group of `width` lanes, a power of two; all lanes of the warp take part and all get the result.
__device__ __forceinline__ float group_sum(float x, int width) {
  for (int step = width >> 1; step > 0; step >>= 1) x += __shfl_xor_sync(AllLanes, x, step);
  return x;
}

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x += __shfl_xor_sync(AllLanes, x, step);
  return x;
}

__device__ __forceinline__ double warp_sum(double x) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x += __shfl_xor_sync(AllLanes, x, step);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) {
    float other = __shfl_xor_sync(AllLanes, x, step);
    x = other > x || other != other ? other : x;           // a NaN stays
  }
  return x;
}

// Over the block: all threads take part and get the result. `scratch` holds one value per warp and is free again afterwards.
template <class T> __device__ __forceinline__ T block_sum(T x, T* scratch) {
  int warp = threadIdx.x / Lanes, warps = blockDim.x / Lanes;
  x = warp_sum(x);
  if (threadIdx.x % Lanes == 0) scratch[warp] = x;
  __syncthreads();
  T sum = 0;
  for (int i = 0; i < warps; i++) sum += scratch[i];
  __syncthreads();
  return sum;
}

__device__ __forceinline__ float block_max(float x, float* scratch) {
  int warp = threadIdx.x / Lanes, warps = blockDim.x / Lanes;
  x = warp_max(x);
  if (threadIdx.x % Lanes == 0) scratch[warp] = x;
  __syncthreads();
  float most = scratch[0];
  for (int i = 1; i < warps; i++) most = scratch[i] > most || scratch[i] != scratch[i] ? scratch[i] : most;
  __syncthreads();
  return most;
}

// ------------------------------------------------------------------------------------------------ rows
// A warp's walk over a row: action(k, column) for each vector of the lane. With V > 0 the row has at most V·256 columns and k is
// a constant after unrolling, so that arrays indexed by it stay in registers; with V == 0 any length goes and k is 0.
template <int V, class Action> __device__ __forceinline__ void for_vectors(int columns, Action action) {
  int lane = threadIdx.x % Lanes;
  if constexpr (V > 0) {
#pragma unroll
    for (int k = 0; k < V; k++) {
      int column = (lane + Lanes * k) * 8;
      if (column < columns) action(k, column);
    }
  } else {
    for (int column = lane * 8; column < columns; column += Lanes * 8) action(0, column);
  }
}

constexpr int kept(int v) { return v > 0 ? v : 1; }

// The rows of a warp: blocks of whole warps, rows dealt out in turn.
__device__ __forceinline__ i64 first_row() { return (i64)blockIdx.x * (blockDim.x / Lanes) + threadIdx.x / Lanes; }
__device__ __forceinline__ i64 row_step() { return (i64)gridDim.x * (blockDim.x / Lanes); }

// ------------------------------------------------------------------------------------------------ faults
// What a kernel found wrong with its input; the host looks at it when it waits for the device. The first one stays.
struct Fault {
  u32 code;
  int value;
  i64 position, limit;
};

constexpr u32 FaultToken = 1, FaultTarget = 2;

__device__ __forceinline__ void report(Fault* fault, u32 code, int value, i64 position, i64 limit) {
  if (atomicCAS(&fault->code, 0u, code) != 0) return;
  fault->value = value;
  fault->position = position;
  fault->limit = limit;
}

// A kernel for each number of vectors a lane may keep: name_1, name_2, name_4, name_8 and name_0 for longer rows.
#define FOR_ROW_LENGTHS(DEFINE) DEFINE(1) DEFINE(2) DEFINE(4) DEFINE(8) DEFINE(0)
